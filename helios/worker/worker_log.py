"""A worker's log: one JSON line for each event, with secrets redacted."""

import json
import sys
import threading
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal, TextIO

from helios.redaction import without_secrets

#: Characters of one value that a line keeps.
MAX_VALUE_LENGTH = 4096
# Characters of a value searched for secrets: more than are kept, so that no secret is cut in two.
_SEARCHED = 4 * MAX_VALUE_LENGTH

Severity = Literal["INFO", "WARNING", "ERROR"]
#: Value of a field.
Value = str | int | float | bool | None | Mapping[str, float | int | str | None]


class WorkerLog:
    """Writes events as lines of JSON, as both clouds' log services read them.

    Each line has `time`, `severity` and `event`, the fields to which the log was bound (job, chunk,
    attempt, request), and the event's own. Lines go to stdout by default. Values of `secrets` are
    redacted.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        secrets: Collection[str] = (),
        context: Mapping[str, Value] = MappingProxyType({}),
    ) -> None:
        self._stream = stream
        self._secrets = secrets
        self._context = context

    def bind(self, **context: Value) -> "WorkerLog":
        """Return a log with further fields in every line."""
        merged = {**self._context, **context}
        return WorkerLog(self._stream, secrets=self._secrets, context=merged)

    def info(self, event: str, **fields: Value) -> None:
        """Write a line of severity INFO."""
        self._write("INFO", event, fields)

    def warning(self, event: str, **fields: Value) -> None:
        """Write a line of severity WARNING."""
        self._write("WARNING", event, fields)

    def error(self, event: str, **fields: Value) -> None:
        """Write a line of severity ERROR."""
        self._write("ERROR", event, fields)

    def _write(self, severity: Severity, event: str, fields: Mapping[str, Value]) -> None:
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "severity": severity,
            "event": event,
            **{
                name: self._clean(value)
                for name, value in {**self._context, **fields}.items()
                if value is not None
            },
        }
        text = json.dumps(line, ensure_ascii=True, default=str) + "\n"
        stream = sys.stdout if self._stream is None else self._stream
        # One write per line, one at a time, so that lines of several requests don't mix.
        with _WRITING:
            try:
                stream.write(text)
                stream.flush()
            except (OSError, ValueError):
                # The task continues if its log can't be written.
                return

    def _clean(self, value: Value) -> object:
        if isinstance(value, str):
            clean = without_secrets(value[:_SEARCHED], self._secrets)
            return clean[:MAX_VALUE_LENGTH]
        if isinstance(value, Mapping):
            return {name: self._clean(item) for name, item in value.items()}
        return value


_WRITING = threading.Lock()
