"""The stack of a deployment on AWS: one a region."""

import aws_cdk as cdk
from constructs import Construct

from helios_infra.configuration import Configuration
from helios_infra.constructs.lambda_renderer import LambdaRenderer


class AwsStack(cdk.Stack):
    """A renderer with its names as outputs.

    Args:
        configuration: Configuration of the deployment.
        environment: Account and region; None for those of the AWS profile at deployment.
        holds_budget: Whether the budget belongs to this stack: it counts all regions, so that one
            has it.
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
        # By this id the names of resources don't contain it.
        renderer = LambdaRenderer(
            self, "Default", configuration=configuration, holds_budget=holds_budget
        )
        outputs = {
            **renderer.discovery.known,
            "stackParameter": renderer.discovery.parameter.parameter_name,
            "alarmsTopic": renderer.operations.topic.topic_arn,
            "dashboard": renderer.operations.dashboard.dashboard_name,
            "deadLetters": renderer.outcome.dead_letters.queue_url,
        }
        for name, value in outputs.items():
            cdk.CfnOutput(self, f"{name[0].upper()}{name[1:]}", value=value)


def add_aws_stacks(
    app: cdk.App, configuration: Configuration, *, account: str | None = None
) -> list[AwsStack]:
    """Add a stack to the app for each region that is configured; at least one.

    Args:
        account: The account; None is that of the AWS profile when the stacks are deployed.
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
