"""The stack of a deployment on AWS: one a region."""

import aws_cdk as cdk
from constructs import Construct

from helios_infra.configuration import Configuration
from helios_infra.constructs.artifacts import Artifacts
from helios_infra.constructs.discovery import Discovery
from helios_infra.constructs.operations import Operations
from helios_infra.constructs.outcome import Outcome
from helios_infra.constructs.state_machine import StateMachine
from helios_infra.constructs.workers import Workers


class AwsStack(cdk.Stack):
    """Bucket, workers, state machine, and what operating them takes.

    Parameters
    ----------
    configuration:
        Configuration of the deployment.
    environment:
        Account and region; None for those of the AWS profile at deployment.
    holds_budget:
        Whether the budget belongs to this stack: it counts all regions, so that one has it.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        configuration: Configuration,
        environment: cdk.Environment | None = None,
        holds_budget: bool = True,
    ) -> None:
        super().__init__(
            scope,
            id,
            stack_name=configuration.stack_name,
            description="Helios: renders video on many machines at once",
            env=environment,
        )
        artifacts = Artifacts(self, "Artifacts", configuration=configuration)
        workers = Workers(self, "Workers", configuration=configuration, artifacts=artifacts)
        outcome = Outcome(self, "Outcome", configuration=configuration, artifacts=artifacts)
        state_machine = StateMachine(
            self,
            "StateMachine",
            configuration=configuration,
            artifacts=artifacts,
            workers=workers,
            outcome=outcome,
        )
        outcome.watch(state_machine.machine.state_machine_arn)
        operations = Operations(
            self,
            "Operations",
            configuration=configuration,
            workers=workers,
            outcome=outcome,
            state_machine=state_machine,
            holds_budget=holds_budget,
        )
        Discovery(
            self,
            "Discovery",
            configuration=configuration,
            artifacts=artifacts,
            workers=workers,
            outcome=outcome,
            state_machine=state_machine,
            operations=operations,
        )
        for name, value in {**configuration.tags, "helios:stack": configuration.stack_name}.items():
            cdk.Tags.of(self).add(name, value)


def add_aws_stacks(
    app: cdk.App, configuration: Configuration, *, account: str | None = None
) -> list[AwsStack]:
    """Add a stack to the app for each region that is configured; at least one.

    Parameters
    ----------
    account:
        The account; None is that of the AWS profile when the stacks are deployed.
    """
    if not configuration.regions:
        return [AwsStack(app, configuration.stack_name, configuration=configuration)]
    return [
        AwsStack(
            app,
            f"{configuration.stack_name}-{region}",
            configuration=configuration,
            environment=cdk.Environment(account=account, region=region),
            holds_budget=region == configuration.regions[0],
        )
        for region in configuration.regions
    ]
