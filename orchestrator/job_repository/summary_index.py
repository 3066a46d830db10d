"""A cache of summaries: a list reads only those that changed since."""

import fcntl
import json
import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from orchestrator.model.job import JobSummary
from orchestrator.model.job_state import JobState

#: Changes with the format of entries; an index of another version is rebuilt.
_VERSION = 1


class IndexEntry(NamedTuple):
    """A summary, and the fingerprint of what it was read from.

    Only what lists are sorted and filtered by is read from the index at first.
    """

    job_id: str
    fingerprint: str
    state: str
    created: str
    text: str

    @classmethod
    def of(cls, summary: JobSummary, fingerprint: str) -> "IndexEntry":
        """Return the entry of a summary."""
        created = _sortable(summary.created_at)
        return cls(summary.id, fingerprint, summary.state, created, summary.to_json())

    def summary(self) -> JobSummary:
        """Return the summary."""
        return JobSummary.model_validate_json(self.text)


class SummaryIndex:
    """A file of summaries that may be lost, outdated or damaged at any time: it is then rebuilt.

    Its folder must exist for anything to be kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def entries(self, present: Mapping[str, str]) -> dict[str, IndexEntry]:
        """Return the cached entries, by job id, that have the fingerprints of present records."""
        return {
            entry.job_id: entry
            for entry in self._read()
            if present.get(entry.job_id) == entry.fingerprint
        }

    def keep(self, entries: Iterable[IndexEntry]) -> None:
        """Replace the index. Where it can't be written the next list is just slower."""
        draft = self._path.with_name(f"{self._path.name}.new")
        text = json.dumps({"version": _VERSION, "entries": list(entries)})
        with suppress(OSError), draft.open("ab") as file:
            # A second writer leaves it to the first one, whose index is as good.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(file.fileno()).st_ino != draft.stat().st_ino:
                return
            file.truncate(0)
            file.write(text.encode())
            file.flush()
            draft.replace(self._path)

    def _read(self) -> list[IndexEntry]:
        try:
            # In one go: a line at a time takes three times as long.
            content = json.loads(self._path.read_bytes())
            if content["version"] != _VERSION:
                return []
            return [IndexEntry(*entry) for entry in content["entries"]]
        except (OSError, ValueError, TypeError, KeyError):
            return []


def choose(
    entries: Iterable[IndexEntry],
    *,
    states: Collection[JobState] | None,
    limit: int | None,
) -> list[JobSummary]:
    """Return the summaries of some entries, the newest first; only these are read in full."""
    chosen = [entry for entry in entries if states is None or entry.state in states]
    chosen.sort(key=_age, reverse=True)
    return [entry.summary() for entry in chosen[:limit]]


def _age(entry: IndexEntry) -> tuple[str, str]:
    return entry.created, entry.job_id


def _sortable(moment: datetime) -> str:
    return f"{moment.timestamp():020.6f}"
