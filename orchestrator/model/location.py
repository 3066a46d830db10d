"""The location of a job: the workers that render its chunks, its folder, and its output."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from helios.contract.wire_model import WireModel

#: The kind of adapter that runs chunks as processes of this machine.
LOCAL = "local"


class AdapterSettings(WireModel):
    """The connection to one kind of worker."""

    kind: str = Field(default=LOCAL, description="local, lambda, cloudrun.")
    weight: float = Field(
        default=1.0, gt=0, description="Its share of the chunks, relative to other adapters."
    )
    artifacts: str | None = Field(
        default=None, description="Storage that its workers read from and write to."
    )
    function: str | None = Field(default=None, description="Lambda function: name or ARN.")
    merge_function: str | None = Field(
        default=None, description="Lambda function that merges chunks; null for the same."
    )
    region: str | None = Field(default=None, description="AWS region.")
    service_url: str | None = Field(default=None, description="Cloud Run service.")
    impersonate: str | None = Field(
        default=None, description="Service account to call the service as."
    )


class JobLocation(WireModel):
    """The location of a job, by which any process with access can resume it."""

    adapters: Annotated[list[AdapterSettings], Field(min_length=1)] = Field(
        default_factory=lambda: [AdapterSettings()], description="What runs the chunks."
    )
    job_path: str = Field(description="The job spec: a path, or an s3:// or gs:// URL.")
    job_dir: str | None = Field(
        default=None, description="Folder of this machine that chunk outputs are relative to."
    )
    machine: str | None = Field(default=None, description="The machine that the folder is on.")
    output: str | None = Field(default=None, description="Where the video goes in the end.")
    keep: bool = Field(default=True, description="Keep the job's folder after success.")

    @property
    def is_local(self) -> bool:
        """Whether chunks are rendered on the machine that the job's folder is on."""
        return all(adapter.kind == LOCAL for adapter in self.adapters)

    @property
    def folder(self) -> Path:
        """The job's folder on its machine."""
        return Path(self.job_path).parent if self.job_dir is None else Path(self.job_dir)
