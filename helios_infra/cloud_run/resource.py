"""Properties of the CloudFormation resource for Cloud Run workers."""

from pydantic import Field

from helios.contract.wire_model import WireModel
from helios_infra.cloud_run.configuration import CloudRunConfiguration
from helios_infra.cloud_run.federation import Federation


class CloudRunResource(WireModel, extra="forbid"):
    """The properties of the resource."""

    workers: CloudRunConfiguration = Field(description="The workers as they should be.")
    federation: Federation = Field(description="How AWS's identity is known to Google.")
    adopt: bool = Field(
        default=False, description="Whether the stack takes over resources that exist already."
    )
    delete_bucket: bool = Field(
        default=False, description="Whether the bucket goes with the stack, with all videos in it."
    )
