"""How the end of a render is recorded and told."""

import pytest

from tests.helios_infra.templates import Template, own

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("synth")]

BUCKET = "${ArtifactsBucket.Arn}"


def test_the_recorder_writes_the_status_and_tells_it_and_writes_nothing_else(
    template: Template,
) -> None:
    assert template.allowed("OutcomeRecorderRole") == own("OutcomeRecorder") | {
        ("s3:ListBucket", BUCKET),
        ("s3:GetObject", f"{BUCKET}/jobs/*/failures/*"),
        ("s3:GetObject", f"{BUCKET}/jobs/*/job.json"),
        # For links to videos.
        ("s3:GetObject", f"{BUCKET}/jobs/*/output/*"),
        ("s3:GetObject", f"{BUCKET}/jobs/*/status.json"),
        ("s3:PutObject", f"{BUCKET}/jobs/*/status.json"),
        ("s3:GetObject", f"{BUCKET}/webhook-key"),
        ("s3:PutObject", f"{BUCKET}/webhook-key"),
        ("sqs:SendMessage", "${OutcomeDeadLetters.Arn}"),
    }


def test_ends_of_renders_that_nothing_takes_are_kept_and_raise_an_alarm(template: Template) -> None:
    queue = {"Arn": "${OutcomeDeadLetters.Arn}"}

    recorder = template.of_type("Lambda::Function")["OutcomeRecorderFunction"]
    assert recorder["DeadLetterConfig"] == {"TargetArn": queue["Arn"]}
    rule = template.only("Events::Rule")
    assert [target["DeadLetterConfig"] for target in rule["Targets"]] == [queue, queue]
    policy = template.only("SQS::QueuePolicy")["PolicyDocument"]["Statement"]
    senders = [each["Principal"] for each in policy if each["Effect"] == "Allow"]
    assert senders == [{"Service": "events.amazonaws.com"}]
    alarm = template.of_type("CloudWatch::Alarm")["OperationsDeadLetters"]
    assert alarm["Dimensions"][0]["Value"] == "${OutcomeDeadLetters.QueueName}"
    assert (alarm["MetricName"], alarm["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 1)


def test_receivers_in_private_networks_are_called_only_where_that_is_configured(
    template: Template, full: Template
) -> None:
    default, wanted = (
        found.of_type("Lambda::Function")["OutcomeRecorderFunction"]["Environment"]["Variables"]
        for found in (template, full)
    )

    assert "HELIOS_ALLOW_PRIVATE_NETWORK" not in default
    assert wanted["HELIOS_ALLOW_PRIVATE_NETWORK"] == "1"


def test_the_end_of_every_execution_is_recorded_also_of_those_that_were_stopped(
    template: Template,
) -> None:
    rule = template.of_type("Events::Rule")["OutcomeExecutionEnded"]

    assert rule["EventPattern"] == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {
            "stateMachineArn": ["${StateMachineRenders}"],
            "status": ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"],
        },
    }
    (recorder,) = (target for target in rule["Targets"] if "InputPath" in target)
    assert recorder["Arn"] == "${OutcomeRecorderFunction.Arn}"
    assert recorder["InputPath"] == "$.detail"
    permission = template.only("Lambda::Permission")
    assert permission["Principal"] == "events.amazonaws.com"
    assert permission["SourceArn"] == "${OutcomeExecutionEnded.Arn}"


def test_subscribers_of_the_topic_get_the_outcome_of_renders(template: Template) -> None:
    rule = template.of_type("Events::Rule")["OutcomeExecutionEnded"]

    assert "${OutcomeRenders}" in [target["Arn"] for target in rule["Targets"]]
    (policy,) = (
        policy
        for policy in template.of_type("SNS::TopicPolicy").values()
        if policy["Topics"] == ["${OutcomeRenders}"]
    )
    assert {"Service": "events.amazonaws.com"} in [
        statement["Principal"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
