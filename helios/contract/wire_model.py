"""The base of data that is JSON elsewhere: on the wire, in storage, in files that people write."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class WireModel(BaseModel):
    """Immutable data with snake_case names in code and camelCase names in JSON.

    Both names are accepted. Fields that aren't known are kept, so that an older program doesn't
    strip what a newer one wrote; a subclass changes that by `extra="forbid"` or `"ignore"`.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="allow",
        frozen=True,
    )

    def to_json(self) -> str:
        """Return it as one line of JSON, without what isn't known."""
        return self.model_dump_json(by_alias=True, exclude_none=True)
