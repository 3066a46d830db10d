"""The changes that provisioning made: resources created, changed (from, to) and kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from helios_infra.cloud_run.configuration import MANAGED_VARIABLES

Action = Literal["created", "updated", "unchanged", "deleted", "kept", "absent"]

_HIDDEN = "(hidden)"
_PUBLIC = frozenset(f"env {name}" for name in MANAGED_VARIABLES)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A setting that was changed; None where there was or is no value."""

    name: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.name} {self.after}"
        return f"{self.name} {self.before} -> {'none' if self.after is None else self.after}"


@dataclass(frozen=True, slots=True)
class Change:
    """The change of one resource."""

    resource: str
    action: Action
    fields: tuple[FieldChange, ...] = ()

    def __str__(self) -> str:
        if self.action != "updated":
            return f"{self.resource}: {self.action}"
        fields = ", ".join(str(field) for field in self.fields)
        return f"{self.resource}: updated {fields}"

    def document(self) -> dict[str, Any]:
        """Return the change as a JSON value."""
        fields = [
            {"name": field.name, "before": field.before, "after": field.after}
            for field in self.fields
        ]
        return {"resource": self.resource, "action": self.action, "fields": fields}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A resource that is awaited, and its status message."""

    resource: str
    text: str

    def __str__(self) -> str:
        return f"{self.resource}: {self.text}"

    def document(self) -> dict[str, Any]:
        """Return it as a JSON value."""
        return {"resource": self.resource, "message": self.text}


@dataclass(frozen=True, slots=True)
class Deployment:
    """Result of a deployment.

    Attributes:
        url: Where the service takes requests.
        job: Full name of the job.
        artifacts: URL of the storage for artifacts.
        changes: The change of each resource, in order.
    """

    url: str
    job: str
    artifacts: str
    changes: tuple[Change, ...]

    @property
    def changed(self) -> bool:
        """Whether anything is different from before."""
        return any(change.action not in ("unchanged", "kept") for change in self.changes)


#: Called for every step.
OnStep = Callable[[Change | Waiting], None]


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[FieldChange, ...]:
    """Return the settings in which two descriptions of a resource differ."""
    names = [*after, *(name for name in before if name not in after)]
    return tuple(
        _shown(FieldChange(name, before.get(name), after.get(name)))
        for name in names
        if before.get(name) != after.get(name)
    )


def hidden(settings: Mapping[str, str]) -> dict[str, str]:
    """Return settings without the values of variables that people brought along."""
    return {name: _HIDDEN if _is_private(name) else value for name, value in settings.items()}


def _shown(change: FieldChange) -> FieldChange:
    if not _is_private(change.name):
        return change
    before = None if change.before is None else _HIDDEN
    after = None if change.after is None else _HIDDEN
    return FieldChange(change.name, before, after)


def _is_private(name: str) -> bool:
    # Values of other variables than those that deploying sets may be secrets.
    return name.startswith("env ") and name not in _PUBLIC
