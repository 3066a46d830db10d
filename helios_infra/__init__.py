"""What is deployed: constructs for any app of the CDK, and the stacks of this project's own."""

from typing import TYPE_CHECKING

from helios.lazy_names import lazy_names

if TYPE_CHECKING:
    from helios_infra.cloud_run.resource import CloudRunResource as CloudRunResource
    from helios_infra.configuration import Configuration as Configuration
    from helios_infra.constructs.cloud_run_renderer import CloudRunRenderer as CloudRunRenderer
    from helios_infra.constructs.lambda_renderer import LambdaRenderer as LambdaRenderer
    from helios_infra.constructs.network import Network as Network

__all__ = ["CloudRunRenderer", "CloudRunResource", "Configuration", "LambdaRenderer", "Network"]

# The CDK takes seconds to import, and isn't there where Cloud Run is deployed without it.
__getattr__ = lazy_names(
    __name__,
    {
        "CloudRunRenderer": "helios_infra.constructs.cloud_run_renderer",
        "CloudRunResource": "helios_infra.cloud_run.resource",
        "Configuration": "helios_infra.configuration",
        "LambdaRenderer": "helios_infra.constructs.lambda_renderer",
        "Network": "helios_infra.constructs.network",
    },
)
