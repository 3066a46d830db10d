"""Monitoring: alarms, a dashboard, a budget."""

import aws_cdk as cdk
from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from helios_infra.configuration import Configuration
from helios_infra.constructs.budget import add_budget
from helios_infra.constructs.image_function import ImageFunction
from helios_infra.constructs.outcome import Outcome
from helios_infra.constructs.state_machine import StateMachine
from helios_infra.constructs.workers import Workers

#: Percent of failed chunk invocations within `_WINDOW` that raise an alarm, and how many
#: invocations there must be before a share means anything.
_FAILED_SHARE, _ENOUGH_INVOCATIONS = 20, 20
#: Throttled invocations within `_WINDOW` that raise an alarm, when it goes on for three of them.
_THROTTLES = 100
_WINDOW = Duration.minutes(5)
_HOUR = Duration.hours(1)


class Operations(Construct):
    """Alarms that write to one topic, a dashboard, and a budget if one is configured."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        configuration: Configuration,
        workers: Workers,
        outcome: Outcome,
        state_machine: StateMachine,
        holds_budget: bool,
    ) -> None:
        super().__init__(scope, id)
        self._configuration = configuration
        self._workers = workers
        self._outcome = outcome
        self._state_machine = state_machine
        self.topic = self._topic()
        self.alarms = self._alarms()
        self.dashboard = self._dashboard()
        if holds_budget and configuration.monthly_budget:
            add_budget(self, configuration, topic=self.topic)
        cdk.Tags.of(self).add("helios:part", "operations")

    def _topic(self) -> sns.Topic:
        topic = sns.Topic(self, "Alarms", display_name="Helios alarms", enforce_ssl=True)
        # A topic with a policy of its own no longer takes what the account's services publish.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                principals=[
                    iam.ServicePrincipal("cloudwatch.amazonaws.com"),
                    iam.ServicePrincipal("budgets.amazonaws.com"),
                ],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}},
            )
        )
        if self._configuration.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(self._configuration.alarm_email))
        return topic

    def _alarms(self) -> list[cloudwatch.Alarm]:
        chunk = self._workers.chunk.function
        machine = self._state_machine.machine
        return [
            self._alarm(
                "FailedChunks",
                _failed_share(self._workers.chunk),
                threshold=_FAILED_SHARE,
                description=f"{_FAILED_SHARE} % of chunk invocations fail: look at the log.",
            ),
            self._alarm(
                "FailedMerges",
                _sum(self._workers.merge.function.metric_errors()),
                threshold=1,
                description="A merge failed: look at the log of the merge worker.",
            ),
            self._alarm(
                "Throttles",
                _sum(chunk.metric_throttles()),
                threshold=_THROTTLES,
                periods=3,
                description="Chunks wait for workers: lower maxConcurrency or raise the quota.",
            ),
            self._alarm(
                "RunawayInvocations",
                _sum(chunk.metric_invocations(), period=_HOUR),
                threshold=self._configuration.runaway_invocations,
                description="More chunks in an hour than helios:runawayInvocations: is it meant?",
            ),
            self._alarm(
                "FailedRenders",
                cloudwatch.MathExpression(
                    expression="failed + late",
                    label="Failed or out of time",
                    period=_WINDOW,
                    using_metrics={
                        "failed": _sum(machine.metric_failed()),
                        "late": _sum(machine.metric_timed_out()),
                    },
                ),
                threshold=1,
                description="A render failed: its status.json and the execution tell why.",
            ),
            self._alarm(
                "UntoldOutcomes",
                _sum(self._outcome.recorder.function.metric_errors()),
                threshold=1,
                description="The end of a render could not be recorded, or its webhook failed.",
            ),
            self._alarm(
                "DeadLetters",
                self._outcome.dead_letters.metric_approximate_number_of_messages_visible(
                    statistic="Maximum", period=_WINDOW
                ),
                threshold=1,
                description="Ends of renders are in the dead-letter queue: send them again.",
            ),
        ]

    def _alarm(
        self,
        id: str,
        metric: cloudwatch.IMetric,
        *,
        threshold: float,
        description: str,
        periods: int = 1,
    ) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            id,
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            # No renders, no data: nothing is wrong.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=description,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        return alarm

    def _dashboard(self) -> cloudwatch.Dashboard:
        machine = self._state_machine.machine
        dashboard = cloudwatch.Dashboard(self, "Dashboard", default_interval=Duration.hours(12))
        dashboard.add_widgets(
            cloudwatch.AlarmStatusWidget(alarms=self.alarms, title="Alarms", width=24, height=3)
        )
        dashboard.add_widgets(
            _graph(
                "Renders",
                machine.metric_started(),
                machine.metric_succeeded(),
                machine.metric_failed(),
                machine.metric_timed_out(),
                machine.metric_aborted(),
            ),
            cloudwatch.GraphWidget(
                title="Time of a render",
                left=[machine.metric_time(statistic=each) for each in ("p50", "p90", "max")],
                width=12,
            ),
        )
        for title, worker in (("Chunks", self._workers.chunk), ("Merges", self._workers.merge)):
            dashboard.add_widgets(*_worker_graphs(title, worker))
        return dashboard


def _sum(metric: cloudwatch.Metric, *, period: Duration = _WINDOW) -> cloudwatch.Metric:
    return metric.with_(statistic="Sum", period=period)


def _failed_share(worker: ImageFunction) -> cloudwatch.MathExpression:
    return cloudwatch.MathExpression(
        expression=f"IF(invocations >= {_ENOUGH_INVOCATIONS}, 100 * errors / invocations, 0)",
        label="Failed invocations (%)",
        period=_WINDOW,
        using_metrics={
            "errors": _sum(worker.function.metric_errors()),
            "invocations": _sum(worker.function.metric_invocations()),
        },
    )


def _worker_graphs(title: str, worker: ImageFunction) -> list[cloudwatch.GraphWidget]:
    function = worker.function
    return [
        _graph(
            f"{title}: invocations",
            _sum(function.metric_invocations()),
            _sum(function.metric_errors()),
            _sum(function.metric_throttles()),
        ),
        cloudwatch.GraphWidget(
            title=f"{title}: seconds and workers",
            left=[function.metric_duration(statistic=each) for each in ("p50", "p90", "max")],
            right=[function.metric("ConcurrentExecutions", statistic="max")],
            width=12,
        ),
    ]


def _graph(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=12)
