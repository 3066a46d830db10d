"""A Lambda function of the worker image, with a role and a log group of its own."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Duration, IgnoreMode, Size
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.acknowledge import acknowledge
from infra.configuration import Configuration
from infra.constructs.log_group import LogGroup

_ROOT = Path(__file__).parents[2]
_DOCKERFILE = "worker_lambda/Dockerfile"
# Inputs of the image; the fewer they are, the fewer changes cause a build.
_CONTEXT = ["*", "!helios", "!worker_lambda", "**/__pycache__"]
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

    Parameters
    ----------
    description:
        Description in the console.
    memory, disk:
        In MB.
    timeout:
        Seconds that an invocation may take.
    environment:
        Its environment variables.
    handler:
        Handler; by default the image's.
    stage:
        Stage of the image's Dockerfile; by default the last one.
    reserved:
        Invocations at the same time that are reserved for it, which is also its limit.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        configuration: Configuration,
        description: str,
        memory: int,
        disk: int,
        timeout: int,
        environment: Mapping[str, str],
        handler: str | None = None,
        stage: str | None = None,
        reserved: int | None = None,
    ) -> None:
        super().__init__(scope, id)
        self._configuration = configuration
        self.timeout = timeout
        self.log_group = LogGroup(self, "Log", days=configuration.log_days)
        self.role = self._role()
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
            vpc=self._vpc(),
            security_groups=self._security_groups(),
        )

    def _role(self) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.log_group.grant_write(role)
        if self._configuration.vpc_id:
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

    def _vpc(self) -> ec2.IVpc | None:
        wanted = self._configuration
        if not wanted.vpc_id:
            return None
        return ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=wanted.vpc_id,
            # Counted without a request to the account during synthesis.
            availability_zones=[str(index) for index in range(len(wanted.subnet_ids))],
            private_subnet_ids=list(wanted.subnet_ids),
        )

    def _security_groups(self) -> list[ec2.ISecurityGroup] | None:
        ids = self._configuration.security_group_ids
        return [ec2.SecurityGroup.from_security_group_id(self, id, id) for id in ids] or None


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
