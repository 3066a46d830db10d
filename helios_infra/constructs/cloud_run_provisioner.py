"""The function that deploys Cloud Run workers for CloudFormation, with a role of its own."""

from pathlib import Path
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from helios_infra.constructs.log_group import LogGroup
from helios_infra.provisioner_bundle import ProvisionerBundle

#: Time limit of a deployment in seconds: Lambda's maximum.
TIMEOUT = 900

_PYTHON = "3.14"
_SOURCE = Path(__file__).parents[1] / "cloud_run"
#: Lambda handler.
HANDLER = "helios_infra.cloud_run.custom_resource.handler"


class CloudRunProvisioner(Construct):
    """A function without a key: Google trusts its role by workload identity federation.

    Args:
        role_name: Name of the role, which Google's side must know before the first deployment.
        log_days: How long its log is kept.
    """

    def __init__(self, scope: Construct, id: str, *, role_name: str, log_days: int) -> None:
        super().__init__(scope, id)
        log_group = LogGroup(self, "Log", days=log_days)
        self.role = iam.Role(
            self,
            "Role",
            role_name=role_name,
            description="Deploys Helios workers to Google Cloud Run",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        )
        log_group.grant_write(self.role)
        self.function = lambda_.Function(
            self,
            "Function",
            description="Deploys Helios workers to Google Cloud Run",
            runtime=lambda_.Runtime(f"python{_PYTHON}", lambda_.RuntimeFamily.PYTHON),
            architecture=lambda_.Architecture.X86_64,
            code=_code(ProvisionerBundle(python=_PYTHON)),
            handler=HANDLER,
            role=self.role,
            log_group=log_group,
            memory_size=512,
            timeout=cdk.Duration.seconds(TIMEOUT),
            # CloudFormation gets one answer; a second try would answer a request that has ended.
            retry_attempts=0,
        )


@jsii.implements(cdk.ILocalBundling)
class _LocalBundling:
    def __init__(self, bundle: ProvisionerBundle) -> None:
        self._bundle = bundle

    def try_bundle(self, output_dir: str, *_: Any, **__: Any) -> bool:
        self._bundle.put_together(Path(output_dir))
        return True


def _code(bundle: ProvisionerBundle) -> lambda_.Code:
    """Return a bundle as code of a function, put together only when something changed."""
    return lambda_.Code.from_asset(
        str(_SOURCE),
        asset_hash=bundle.digest(),
        asset_hash_type=cdk.AssetHashType.CUSTOM,
        bundling=cdk.BundlingOptions(
            # Named because it must be; the local bundling leaves nothing to it.
            image=cdk.DockerImage.from_registry("none"),
            local=_LocalBundling(bundle),
        ),
    )
