"""Progress as JSON documents, for programs."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

from helios.errors import HeliosError
from orchestrator.display.display import Display
from orchestrator.model.events import Event


class JsonDisplay(Display):
    """One JSON document a line on stdout: every event, and every milestone."""

    def note(self, kind: str, text: str, **facts: Any) -> None:  # noqa: ARG002
        self._print({"event": kind, **facts})

    def answer(self, kind: str, text: str, **facts: Any) -> None:
        self.note(kind, text, **facts)

    def fail(self, error: HeliosError) -> None:
        self.note(
            "error",
            "",
            code=error.code,
            message=error.message,
            hint=error.hint,
            details=list(error.details),
            retryable=error.retryable,
        )

    def show(self, event: Event) -> None:
        super().show(event)
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()
        fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
        self._print({"event": name, **{_camel(key): _json_value(fields[key]) for key in fields}})

    def _print(self, document: dict[str, Any]) -> None:
        # Escapes keep a file name that isn't Unicode from breaking the line.
        print(json.dumps(document), flush=True)


def _json_value(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(by_alias=True, exclude_none=True)
    return value


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.title() for word in rest)
