"""The place of Cloud Run workers: project, region and name."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field

from helios.contract.wire_model import WireModel
from helios_infra.cloud_run.validation import checked
from helios_infra.cloud_run.value_types import Name, Project, Region

#: Ending of the name of the service that sends webhooks.
WEBHOOKS_SUFFIX = "-webhooks"


class CloudRunPlace(WireModel, extra="forbid"):
    """Where workers are: a service and a job of one name, in one region of one project."""

    project: Project = Field(description="Id of the Google Cloud project.")
    region: Region = Field(description="Region of service, job and bucket.")
    name: Name = Field(default="helios-worker", description="Name of the service and the job.")

    @property
    def parent(self) -> str:
        """Parent of service and job."""
        return f"projects/{self.project}/locations/{self.region}"

    @property
    def service(self) -> str:
        """Full name of the service."""
        return f"{self.parent}/services/{self.name}"

    @property
    def job(self) -> str:
        """Full name of the job."""
        return f"{self.parent}/jobs/{self.name}"

    @property
    def webhooks(self) -> str:
        """Full name of the service that sends webhooks."""
        return f"{self.service}{WEBHOOKS_SUFFIX}"

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Check values, named as in Python or in JSON, and return them as one object.

        Raises:
            OptionInvalid: A value is missing or can't be worked with; `details` hold one line a
                fault.
        """
        return checked(cls, values, what="Cloud Run configuration")
