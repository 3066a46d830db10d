"""Settings that the further runs of a job may change."""

from collections.abc import Mapping
from typing import Any, TypedDict

from orchestrator.api.option_faults import check_names, checked
from orchestrator.model.limits import parse_duration
from orchestrator.model.render_fields import RenderFields


class ResumeKeywords(TypedDict, total=False):
    """Keywords of `resume`; settings that aren't given stay as they were."""

    concurrency: int
    retries: int
    chunk_timeout: float
    max_cost: float
    deadline: float | str


def resume_changes(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that keywords of `resume` change, checked; None changes nothing."""
    check_names(keywords, ResumeKeywords.__annotations__)
    given = {name: value for name, value in keywords.items() if value is not None}
    settings = checked(RenderFields, given)
    changes = {name: getattr(settings, name) for name in given}
    if "deadline" in changes:
        changes["deadline"] = parse_duration(changes["deadline"])
    return changes
