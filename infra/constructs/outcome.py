"""How a render ended is recorded and told, however it ended."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.configuration import Configuration
from infra.constructs.artifacts import Artifacts
from infra.constructs.image_function import ImageFunction

_MEMORY, _DISK, _TIMEOUT = 512, 512, 120


class Outcome(Construct):
    """A function that writes `jobs/<id>/status.json` and calls the webhook, and a topic.

    The workflow calls the function as its last step. The event that Step Functions sends at the end
    of every execution calls it once more, as executions that were stopped or ran out of time have
    no last step; the topic passes that event on to whoever subscribes.
    """

    def __init__(
        self, scope: Construct, id: str, *, configuration: Configuration, artifacts: Artifacts
    ) -> None:
        super().__init__(scope, id)
        # Made by the function when it first signs: CloudFormation can't make secure parameters, and
        # so the key is never in a template.
        self.webhook_key = f"/helios/{configuration.stack_name}/webhook-key"
        self.topic = sns.Topic(self, "Renders", display_name="Helios renders", enforce_ssl=True)
        self.recorder = ImageFunction(
            self,
            "Recorder",
            configuration=configuration,
            description="Helios: records how a render ended, and tells",
            handler="worker_lambda.outcome.handler",
            memory=_MEMORY,
            disk=_DISK,
            timeout=_TIMEOUT,
            environment={
                "HELIOS_ARTIFACTS": artifacts.url,
                "HELIOS_WEBHOOK_KEY": self.webhook_key,
            },
        )
        self._allow(artifacts)
        cdk.Tags.of(self).add("helios:part", "outcome")

    def watch(self, state_machine_arn: str) -> None:
        """Record and tell the end of every execution of a state machine."""
        events.Rule(
            self,
            "ExecutionEnded",
            description="A render ended, whatever ended it",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "stateMachineArn": [state_machine_arn],
                    "status": ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"],
                },
            ),
            targets=[
                targets.LambdaFunction(
                    self.recorder.function,
                    event=events.RuleTargetInput.from_event_path("$.detail"),
                ),
                targets.SnsTopic(self.topic),
            ],
        )

    def _allow(self, artifacts: Artifacts) -> None:
        stack, role = cdk.Stack.of(self), self.recorder.role
        artifacts.allow_listing(role)
        artifacts.allow(
            role,
            actions=["s3:GetObject"],
            keys=["jobs/*/failures/*", "jobs/*/job.json", "jobs/*/status.json"],
        )
        artifacts.allow(role, actions=["s3:PutObject"], keys=["jobs/*/status.json"])
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["ssm:GetParameter", "ssm:PutParameter"],
                resources=[
                    stack.format_arn(
                        service="ssm",
                        resource="parameter",
                        resource_name=self.webhook_key.lstrip("/"),
                    )
                ],
            )
        )
