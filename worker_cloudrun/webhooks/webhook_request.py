"""Request of a task to the webhook service."""

from pydantic import Field

from helios.contract.wire_model import WireModel


class WebhookRequest(WireModel, extra="forbid"):
    """The outcome of a render that is to be sent to a receiver."""

    folder: str = Field(min_length=1, description="URL of the job's folder, with `status.json`.")
    execution: str = Field(min_length=1, description="Execution whose outcome is recorded there.")
    webhook: str = Field(min_length=1, description="URL of the receiver.")
    link: float | None = Field(
        default=None, gt=0, description="Seconds for which a link to the video is valid."
    )
