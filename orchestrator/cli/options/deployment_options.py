"""Flags that name what is deployed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.cli.options import flags

if TYPE_CHECKING:
    from orchestrator.api.targets.deployments import DeploymentName


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """Which deployment a command is about."""

    stack: flags.Stack = None
    region: flags.Region = None
    profile: flags.Profile = None

    def name(self) -> "DeploymentName":
        """Return by what it is found."""
        from orchestrator.api.targets.deployments import DeploymentName

        return DeploymentName(stack=self.stack, region=self.region, profile=self.profile)
