"""Records and publishes the outcome of every render."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from helios.webhooks.events import WEBHOOK_KEY
from helios_infra.acknowledge import acknowledge
from helios_infra.configuration import Configuration
from helios_infra.constructs.artifacts import Artifacts
from helios_infra.constructs.image_function import ImageFunction
from helios_infra.constructs.network import Network

_MEMORY, _DISK, _TIMEOUT = 512, 512, 120
#: Days that events are kept which couldn't be processed: the longest that SQS offers.
_DEAD_LETTER_DAYS = 14


class Outcome(Construct):
    """A function that writes `jobs/<id>/status.json` and calls the webhook, and a topic.

    The workflow calls the function as its last step. The event that Step Functions sends at the end
    of every execution calls it once more, as executions that were stopped or ran out of time have
    no last step; the topic passes that event on to its subscribers. Events that neither takes after
    all tries go to a queue, `dead_letters`.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        configuration: Configuration,
        artifacts: Artifacts,
        network: Network,
    ) -> None:
        super().__init__(scope, id)
        self.topic = sns.Topic(self, "Renders", display_name="Helios renders", enforce_ssl=True)
        self.dead_letters = self._dead_letters()
        self.recorder = ImageFunction(
            self,
            "Recorder",
            configuration=configuration,
            network=network,
            dead_letters=self.dead_letters,
            description="Helios: records how a render ended, and tells",
            handler="worker_lambda.outcome.handler",
            stage="recorder",
            memory=_MEMORY,
            disk=_DISK,
            timeout=_TIMEOUT,
            environment={"HELIOS_ARTIFACTS": artifacts.url, **_networks(configuration)},
        )
        self._allow(artifacts)
        cdk.Tags.of(self).add("helios:part", "outcome")

    def watch(self, state_machine_arn: str) -> None:
        """Record the outcome of every execution of a state machine, and send its webhook."""
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
                    dead_letter_queue=self.dead_letters,
                ),
                targets.SnsTopic(self.topic, dead_letter_queue=self.dead_letters),
            ],
        )

    def _dead_letters(self) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            "DeadLetters",
            retention_period=cdk.Duration.days(_DEAD_LETTER_DAYS),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
        )
        acknowledge(queue, {"AwsSolutions-SQS3": "It is the dead-letter queue itself, of others."})
        return queue

    def _allow(self, artifacts: Artifacts) -> None:
        role = self.recorder.role
        artifacts.allow_listing(role)
        artifacts.allow(
            role,
            actions=["s3:GetObject"],
            # The video, for a webhook's link to it.
            keys=["jobs/*/failures/*", "jobs/*/job.json", "jobs/*/output/*", "jobs/*/status.json"],
        )
        artifacts.allow(role, actions=["s3:PutObject"], keys=["jobs/*/status.json"])
        # Made by the function when it first signs, and so in no template; what runs compositions
        # can't read it.
        artifacts.allow(role, actions=["s3:GetObject", "s3:PutObject"], keys=[WEBHOOK_KEY])


def _networks(configuration: Configuration) -> dict[str, str]:
    """Return the variables that allow webhook receivers in private networks, if configured."""
    return {"HELIOS_ALLOW_PRIVATE_NETWORK": "1"} if configuration.private_webhooks else {}
