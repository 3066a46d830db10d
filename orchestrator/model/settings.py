"""Settings of a run: one model, filled once, stored with the job, and passed on whole."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError

from helios.contract.wire_model import WireModel
from helios.errors import OptionInvalid

#: Further tries of a chunk after the first one failed.
RETRIES = 2
#: Seconds before the first further try, at most; doubles with each.
RETRY_DELAY = 1.0
#: Seconds that no delay exceeds.
MAX_RETRY_DELAY = 60.0


class Stitch(StrEnum):
    """Where chunks of remote workers are stitched."""

    AUTO = "auto"
    LOCAL = "local"
    WORKER = "worker"
    SERVER = "server"


class WebhookSettings(WireModel):
    """The receiver of a job's events; the secret that signs them isn't stored."""

    url: str = Field(description="Where events are sent.")
    progress: float | None = Field(
        default=None, gt=0, description="Seconds between two events of progress; null for none."
    )
    link: float | None = Field(
        default=None,
        gt=0,
        description="Seconds for which a link to the video is valid; null for no link.",
    )


class RunSettings(WireModel):
    """Settings of a run, for all backends.

    A new option is one field here, and one flag.
    """

    concurrency: int = Field(ge=1, description="Chunks at the same time.")
    merge: bool = Field(default=True, description="Whether chunks are stitched.")
    retries: Annotated[int, Field(ge=0)] = Field(
        default=RETRIES, description="Further tries of a chunk."
    )
    retry_delay: float = Field(
        default=RETRY_DELAY, ge=0, description="Seconds before the first further try, at most."
    )
    max_retry_delay: float = Field(
        default=MAX_RETRY_DELAY, ge=0, description="Seconds before any further try, at most."
    )
    chunk_timeout: float | None = Field(
        default=None, gt=0, description="Seconds that a try may take; null for no limit."
    )
    only: list[int] | None = Field(
        default=None, description="Ids of the only chunks that are wanted; null for all."
    )
    stitch: Stitch = Field(
        default=Stitch.AUTO,
        description="Where remote chunks are stitched: on this machine, by a worker, in storage.",
    )
    presign: float | None = Field(
        default=None, gt=0, description="Seconds for which a link to the video is valid."
    )
    backups: bool | None = Field(
        default=None,
        description="Whether slow chunks are given to a second worker; null for remote ones only.",
    )
    max_cost: float | None = Field(
        default=None, gt=0, description="US dollars that the job may cost; null for no limit."
    )
    deadline: float | None = Field(
        default=None, gt=0, description="Seconds that a run may take; null for no limit."
    )
    incremental: bool = Field(
        default=False, description="Whether chunks are kept that would be rendered alike."
    )
    webhook: WebhookSettings | None = Field(
        default=None, description="The receiver of the job's events."
    )

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Return settings by values of a user.

        Raises:
            OptionInvalid: A value is invalid; the message names the setting.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as fault:
            raise OptionInvalid(
                "; ".join(
                    f"{'.'.join(map(str, error['loc']))} {error['input']!r}: {error['msg']}"
                    for error in fault.errors(include_url=False)
                )
            ) from None

    def changed(self, changes: Mapping[str, object]) -> Self:
        """Return the settings with other values."""
        return self.of(**{**self.model_dump(), **changes})

    @property
    def makes_video(self) -> bool:
        """Whether a video is made in the end."""
        return self.merge and self.only is None
