"""Settings that the further runs of a job may change."""

from collections.abc import Mapping
from typing import Annotated, Any, TypedDict

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.api.option_faults import invalid
from orchestrator.model.limits import parse_duration

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class ResumeKeywords(TypedDict, total=False):
    """Keywords of `resume`; settings that aren't given stay as they were."""

    concurrency: int
    retries: int
    chunk_timeout: float
    max_cost: float
    deadline: float | str


class ResumeSettings(BaseModel):
    """The same, validated; None leaves a setting as it was."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    concurrency: Annotated[int, Field(ge=1)] | None = None
    retries: Annotated[int, Field(ge=0)] | None = None
    chunk_timeout: Positive | None = None
    max_cost: Positive | None = None
    deadline: float | str | None = None

    @classmethod
    def of(cls, keywords: Mapping[str, Any]) -> dict[str, Any]:
        """Return the changes among keywords, checked."""
        try:
            given = cls.model_validate(dict(keywords)).model_dump(exclude_none=True)
        except ValidationError as fault:
            raise invalid(fault) from None
        if "deadline" in given:
            given["deadline"] = parse_duration(given["deadline"])
        return given
