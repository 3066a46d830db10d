"""A file in storage."""

from pydantic import Field

from helios.contract.wire_model import WireModel


class Artifact(WireModel):
    """URL, size and digest of a stored file."""

    url: str = Field(description="A path, or an s3:// or gs:// URL.")
    sha256: str | None = Field(default=None, description="Digest of the file, hexadecimal.")
    bytes: int | None = Field(default=None, ge=0, description="Size of the file in bytes.")
