"""The record of a batch: which rows are finished, and from what they were rendered."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from helios.output import write_failure
from orchestrator.backends.job_folder import make_folder
from orchestrator.job_repository.file_lock import alone_in

_NAME = "rows.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The end of a row's render.

    Attributes:
        recipe, content: Digests of its settings, and of the composition's files; None where that
            isn't known.
        done: Whether its video is finished.
        bytes: Size of a video of this machine, or of its images; None of one in storage.
        worker_seconds, attempts: What was spent on it.
    """

    output: str
    recipe: str
    content: str | None
    done: bool
    bytes: int | None = None
    worker_seconds: float = 0.0
    attempts: int = 0

    @classmethod
    def parse(cls, line: str) -> Self | None:
        """Read a line; None for one that was cut off."""
        try:
            return cls(**json.loads(line))
        except (ValueError, TypeError):
            return None


class Ledger:
    """A file with a line for each row that ended, to which lines are only added."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / _NAME
        self._last: dict[str, Entry] = {}
        self.worker_seconds = 0.0
        self.attempts = 0

    @contextmanager
    def opened(self, *, fresh: bool) -> Iterator[None]:
        """Lock the batch's folder, and read what is recorded there, for a context.

        With `fresh`, the record begins anew.

        Raises:
            JobBusy: Another process renders a batch in the folder.
        """
        make_folder(self._folder)
        with alone_in(self._folder):
            if fresh:
                self._path.unlink(missing_ok=True)
            self._read()
            yield

    def begin(self, content: str | None) -> bool:
        """Record that a run begins; tell whether the last one had the same composition.

        `content` is the digest of its files.
        """
        before = self._last.get("")
        self.add(Entry(output="", recipe="", content=content, done=False))
        return before is not None and before.content == content

    def last(self, output: str) -> Entry | None:
        """Return the last entry of an output."""
        return self._last.get(output)

    def add(self, entry: Entry) -> None:
        """Record the end of a row."""
        self._note(entry)
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(entry)) + "\n")
        except OSError as fault:
            raise write_failure(fault, output=self._path) from fault

    def _read(self) -> None:
        try:
            text = self._path.read_text("utf-8", errors="replace")
        except FileNotFoundError:
            return
        if text and not text.endswith("\n"):
            # A process that was killed left half a line, to which nothing may be added.
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n")
        for line in text.splitlines():
            entry = Entry.parse(line)
            if entry is not None:
                self._note(entry)

    def _note(self, entry: Entry) -> None:
        self._last[entry.output] = entry
        self.worker_seconds += entry.worker_seconds
        self.attempts += entry.attempts
