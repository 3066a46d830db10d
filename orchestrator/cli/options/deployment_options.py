"""Flags that name a deployment."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.cli.options import flags

if TYPE_CHECKING:
    from orchestrator.api.targets.deployments import DeploymentName


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """The deployment that a command uses."""

    stack: flags.Stack = None
    region: flags.Region = None
    profile: flags.Profile = None

    def name(self) -> "DeploymentName":
        """Return the name of the deployment."""
        from orchestrator.api.targets.deployments import DeploymentName

        return DeploymentName(stack=self.stack, region=self.region, profile=self.profile)
