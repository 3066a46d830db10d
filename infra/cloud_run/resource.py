"""Properties of the CloudFormation resource for Cloud Run workers."""

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from infra.cloud_run.configuration import CloudRunConfiguration
from infra.cloud_run.federation import Federation


class CloudRunResource(BaseModel):
    """The properties of the resource."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True
    )

    workers: CloudRunConfiguration = Field(description="The workers as they should be.")
    federation: Federation = Field(description="How AWS's identity is known to Google.")
    adopt: bool = Field(
        default=False, description="Whether what is deployed already becomes the stack's."
    )
    delete_bucket: bool = Field(
        default=False, description="Whether the bucket goes with the stack, with all videos in it."
    )
