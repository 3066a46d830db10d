"""Alarms, dashboard, budget."""

import json

import pytest

from tests.helios_infra.templates import Stacks, Template

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("synth")]


def test_topics_refuse_what_is_published_without_tls(template: Template) -> None:
    topics = set(template.of_type("SNS::Topic"))
    refusing = {
        topic.strip("${}")
        for policy in template.of_type("SNS::TopicPolicy").values()
        for topic in policy["Topics"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    }

    assert topics == refusing == {"OutcomeRenders", "OperationsAlarms"}


def test_alarms_may_write_to_their_topic(template: Template) -> None:
    (allowed,) = (
        statement
        for statement in template.of_type("SNS::TopicPolicy")["OperationsAlarmsPolicy"][
            "PolicyDocument"
        ]["Statement"]
        if statement["Effect"] == "Allow"
    )

    assert allowed["Principal"] == {
        "Service": ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"]
    }
    assert allowed["Condition"] == {"StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"}}


def test_alarms_watch_failures_throttles_runaway_invocations_and_undelivered_events(
    template: Template,
) -> None:
    alarms = template.of_type("CloudWatch::Alarm")

    assert {name.removeprefix("Operations") for name in alarms} == {
        "DeadLetters",
        "FailedChunks",
        "FailedMerges",
        "FailedRenders",
        "RunawayInvocations",
        "Throttles",
        "UntoldOutcomes",
    }
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == ["${OperationsAlarms}"], name
        assert alarm["TreatMissingData"] == "notBreaching", name
        assert alarm["AlarmDescription"], name


def test_the_alarm_on_runaway_invocations_counts_an_hour(template: Template) -> None:
    alarm = template.of_type("CloudWatch::Alarm")["OperationsRunawayInvocations"]

    assert (alarm["MetricName"], alarm["Period"], alarm["Threshold"]) == (
        "Invocations",
        3600,
        20_000,
    )
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": "${WorkersChunkFunction}"}]


def test_the_alarm_on_failed_renders_counts_those_that_ran_out_of_time(template: Template) -> None:
    alarm = template.of_type("CloudWatch::Alarm")["OperationsFailedRenders"]
    watched = {
        metric["MetricStat"]["Metric"]["MetricName"]
        for metric in alarm["Metrics"]
        if "MetricStat" in metric
    }

    assert watched == {"ExecutionsFailed", "ExecutionsTimedOut"}


def test_alarms_write_to_the_configured_address(template: Template, full: Template) -> None:
    assert not template.of_type("SNS::Subscription")
    subscription = full.only("SNS::Subscription")
    assert subscription["Protocol"] == "email"
    assert subscription["Endpoint"] == "renders@studio.example"


def test_a_budget_is_made_only_where_configured_and_once_for_all_regions(stacks: Stacks) -> None:
    assert not stacks.default.of_type("Budgets::Budget")
    assert not stacks.second_region.of_type("Budgets::Budget")
    budget = stacks.first_region.only("Budgets::Budget")

    assert budget["Budget"]["BudgetLimit"] == {"Amount": 250, "Unit": "USD"}
    assert budget["Budget"]["TimeUnit"] == "MONTHLY"
    assert budget["Budget"]["CostFilters"] == {"TagKeyValue": ["user:helios:stack$Studio"]}
    for notification in budget["NotificationsWithSubscribers"]:
        assert notification["Subscribers"] == [
            {"SubscriptionType": "SNS", "Address": "${OperationsAlarms}"}
        ]


def test_the_dashboard_shows_renders_chunks_and_merges(template: Template) -> None:
    body = json.loads(template.only("CloudWatch::Dashboard")["DashboardBody"])
    titles = [widget["properties"].get("title") for widget in body["widgets"]]

    assert titles == [
        "Alarms",
        "Renders",
        "Time of a render",
        "Chunks: invocations",
        "Chunks: seconds and workers",
        "Merges: invocations",
        "Merges: seconds and workers",
    ]
