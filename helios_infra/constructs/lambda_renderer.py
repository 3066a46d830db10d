"""All that renders on AWS, as one construct for any stack."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from helios_infra.configuration import Configuration
from helios_infra.constructs.artifacts import Artifacts
from helios_infra.constructs.discovery import Discovery
from helios_infra.constructs.network import Network
from helios_infra.constructs.operations import Operations
from helios_infra.constructs.outcome import Outcome
from helios_infra.constructs.state_machine import StateMachine
from helios_infra.constructs.workers import Workers


class LambdaRenderer(Construct):
    """Bucket, workers, state machine, and what operating them takes.

    Clients find it by the configuration's `stack_name`, which is unique in an account's region:
    `orchestrator connect --stack NAME`.

    Args:
        configuration: Settings, such as `Configuration(stack_name="Films", log_days=90)`.
        bucket: Bucket for jobs, assets and videos; by default a new one. It gets the lifecycle
            rules of jobs and assets unless it was imported, as the rules of those can't be
            deployed.
        encryption_key: KMS key of that bucket; by default as the bucket or the configuration says.
        network: VPC of the functions; by default as the configuration says.
        holds_budget: Whether the budget, if one is configured, belongs to this renderer: it counts
            all regions.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        configuration: Configuration | None = None,
        bucket: s3.IBucket | None = None,
        encryption_key: kms.IKey | None = None,
        network: Network | None = None,
        holds_budget: bool = True,
    ) -> None:
        super().__init__(scope, id)
        wanted = configuration or Configuration()
        network = network or Network.of(self, wanted)
        self.artifacts = Artifacts(
            self, "Artifacts", configuration=wanted, bucket=bucket, encryption_key=encryption_key
        )
        self.workers = Workers(
            self, "Workers", configuration=wanted, artifacts=self.artifacts, network=network
        )
        self.outcome = Outcome(
            self, "Outcome", configuration=wanted, artifacts=self.artifacts, network=network
        )
        self.state_machine = StateMachine(
            self,
            "StateMachine",
            configuration=wanted,
            artifacts=self.artifacts,
            workers=self.workers,
            outcome=self.outcome,
        )
        self.outcome.watch(self.state_machine.machine.state_machine_arn)
        self.operations = Operations(
            self,
            "Operations",
            configuration=wanted,
            workers=self.workers,
            outcome=self.outcome,
            state_machine=self.state_machine,
            holds_budget=holds_budget,
        )
        self.discovery = Discovery(
            self,
            "Discovery",
            configuration=wanted,
            artifacts=self.artifacts,
            workers=self.workers,
            outcome=self.outcome,
            state_machine=self.state_machine,
        )
        for name, value in {**wanted.tags, "helios:stack": wanted.stack_name}.items():
            cdk.Tags.of(self).add(name, value)
