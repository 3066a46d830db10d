"""The base of JSON files in storage."""

from typing import Self

from pydantic import ValidationError

from helios.contract.wire_model import WireModel


class StoredModel(WireModel):
    """Data of a JSON file in storage."""

    @classmethod
    def parse(cls, data: bytes) -> Self | None:
        """Parse a file; None if it isn't valid."""
        try:
            return cls.model_validate_json(data)
        except ValidationError:
            return None

    def to_bytes(self) -> bytes:
        """Return the file."""
        return self.model_dump_json(by_alias=True, exclude_none=True, indent=2).encode() + b"\n"
