"""A Lambda function of the worker image, with a role and a log group of its own."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Duration, IgnoreMode, Size
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from helios_infra.acknowledge import acknowledge
from helios_infra.configuration import Configuration
from helios_infra.constructs.log_group import LogGroup
from helios_infra.constructs.network import Network

_ROOT = Path(__file__).parents[2]
_DOCKERFILE = "worker_lambda/Dockerfile"
# Inputs of the image; the fewer they are, the fewer changes cause a build.
_CONTEXT = ["*", "!helios", "!worker_lambda", "**/__pycache__", "**/node_modules"]
_ARCHITECTURES = {
    "x86_64": (lambda_.Architecture.X86_64, ecr_assets.Platform.LINUX_AMD64),
    "arm64": (lambda_.Architecture.ARM_64, ecr_assets.Platform.LINUX_ARM64),
}
# Actions for the network interfaces of a function in a VPC, which can't be restricted.
_NETWORK_INTERFACES = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)


class ImageFunction(Construct):
    """A function that runs the worker image. Its `role` may write its log and its traces.

    Args:
        network: Where it runs.
        description: Description in the console.
        memory, disk: In MB.
        timeout: Seconds that an invocation may take.
        environment: Its environment variables.
        handler: Handler; by default the image's.
        stage: Stage of the image's Dockerfile; by default the last one.
        reserved: Invocations at the same time that are reserved for it, which is also its limit.
        dead_letters: Takes events that it failed to process; none by default.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        configuration: Configuration,
        network: Network,
        description: str,
        memory: int,
        disk: int,
        timeout: int,
        environment: Mapping[str, str],
        handler: str | None = None,
        stage: str | None = None,
        reserved: int | None = None,
        dead_letters: sqs.IQueue | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.timeout = timeout
        self.log_group = LogGroup(self, "Log", days=configuration.log_days)
        self.role = self._role(in_vpc=network.vpc is not None)
        architecture, platform = _ARCHITECTURES[configuration.architecture]
        self.function = lambda_.DockerImageFunction(
            self,
            "Function",
            description=description,
            code=_image(platform, handler=handler, stage=stage),
            architecture=architecture,
            memory_size=memory,
            ephemeral_storage_size=Size.mebibytes(disk),
            timeout=Duration.seconds(timeout),
            reserved_concurrent_executions=reserved,
            environment=dict(environment),
            role=self.role,
            log_group=self.log_group,
            tracing=lambda_.Tracing.ACTIVE if configuration.tracing else lambda_.Tracing.DISABLED,
            vpc=network.vpc,
            vpc_subnets=network.subnets,
            security_groups=network.security_groups,
            dead_letter_queue=dead_letters,
        )

    def _role(self, *, in_vpc: bool) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.log_group.grant_write(role)
        if in_vpc:
            role.add_to_policy(
                iam.PolicyStatement(actions=list(_NETWORK_INTERFACES), resources=["*"])
            )
        acknowledge(
            role,
            {
                "AwsSolutions-IAM5[Resource::*]": "Traces and network interfaces: these actions "
                "know no resources."
            },
        )
        return role


def _image(
    platform: ecr_assets.Platform, *, handler: str | None, stage: str | None
) -> lambda_.DockerImageCode:
    return lambda_.DockerImageCode.from_image_asset(
        str(_ROOT),
        file=_DOCKERFILE,
        platform=platform,
        cmd=[handler] if handler else None,
        target=stage,
        ignore_mode=IgnoreMode.DOCKER,
        exclude=_CONTEXT,
    )
