"""The report of a job that runs, kept up to date by its records and its events."""

import base64
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from helios.contract.error_record import ErrorRecord
from helios.records.chunk_trace import FramePicture
from orchestrator.model.events import (
    BackupStarted,
    ChunkFailed,
    ChunkFinished,
    ChunkRetrying,
    ChunkStarted,
    ChunkStopped,
    Event,
    FrameProgress,
    MergeFinished,
    MergeStarted,
)
from orchestrator.report.report import Report

#: Seconds by which a record may be older than the events: chunks are recorded in batches.
_RECORD_LAG = 2.0
#: Seconds before now in which an attempt of a record is the one that an event tells of.
_SAME_ATTEMPT = 5.0

#: Facts that a report may not have, which are known from an earlier one or otherwise.
_KEPT = ("cost", "merge", "seams", "waveform")

Document = dict[str, Any]


class LiveReport:
    """A report as JSON value, and what has changed in it since that was last asked.

    Pictures have addresses at the page's server in place of their data.

    Attributes:
        document: The report; None before the job is known.
        pictures: The pictures by their frames.
    """

    def __init__(self) -> None:
        self.document: Document | None = None
        self.pictures: dict[int, bytes] = {}
        self._chunks: dict[int, Document] = {}
        self._early: list[Event] = []
        self._changed: dict[int, set[str]] = {}
        self._facts: set[str] = set()
        self._touched: dict[int, float] = {}

    def update(self, report: Report, *, read_at: float) -> None:
        """Take over what is recorded of the job.

        Chunks of which events have told since are left as they are.

        Args:
            read_at: When reading began, by the monotonic clock.
        """
        found = report.model_dump(mode="json", by_alias=True, exclude={"filmstrip"})
        self.add_pictures(report.filmstrip)
        found["filmstrip"] = self._strip()
        chunks = found.pop("chunks")
        if self.document is None:
            self.document = found
            self._chunks = {chunk["id"]: chunk for chunk in chunks}
            early, self._early = self._early, []
            for event in early:
                self.on_event(event)
            return
        for chunk in chunks:
            known = self._chunks[chunk["id"]]
            if self._touched.get(chunk["id"], 0) > read_at - _RECORD_LAG:
                continue
            new = {name: value for name, value in chunk.items() if known.get(name) != value}
            if new:
                self._merge(chunk["id"], new)
        self._keep_facts(found)
        # Events count frames one by one.
        if self._touched:
            found["framesDone"] = max(found["framesDone"], self.document["framesDone"])
        self._set(**found)

    def on_event(self, event: Event) -> None:
        """Take an event of the running job into account."""
        if self.document is None:
            self._early.append(event)
            return
        match event:
            case ChunkStarted() | BackupStarted():
                self._begin(event.chunk_id, backup=isinstance(event, BackupStarted))
            case FrameProgress():
                self._change(event.chunk_id, framesDone=event.frame)
                self._set(framesDone=event.frames_done)
            case ChunkFinished():
                self._end(event.chunk_id, "done")
            case ChunkRetrying():
                self._end(event.chunk_id, "waiting", error=_plain(event.error))
            case ChunkFailed():
                self._end(event.chunk_id, "failed", error=_plain(event.error))
            case ChunkStopped():
                self._end(event.chunk_id, "waiting")
            case MergeStarted() | MergeFinished():
                seconds = event.duration if isinstance(event, MergeFinished) else None
                start = round(self._now() - (seconds or 0.0), 3)
                self._set(merge={"start": start, "seconds": seconds})
            case _:
                pass

    def add_pictures(self, pictures: Iterable[FramePicture]) -> None:
        """Add pictures of frames."""
        new = {each.frame: each.data for each in pictures if each.frame not in self.pictures}
        if not new:
            return
        self.pictures.update(new)
        if self.document is not None:
            self._set(filmstrip=self._strip())

    def set_facts(self, **facts: Any) -> None:
        """Set facts of the report, once the job is known."""
        if self.document is not None:
            self._set(**facts)

    @property
    def running(self) -> list[int]:
        """Ids of the chunks that are being rendered."""
        return [id_ for id_, chunk in self._chunks.items() if chunk["state"] == "running"]

    def whole(self) -> Document:
        """Return the whole report; the job is known."""
        assert self.document is not None  # noqa: S101 - callers have checked
        return {**self.document, "chunks": list(self._chunks.values())}

    def last(self, report: Report) -> Document:
        """Return the JSON value of the job's last report, without secrets.

        It has its pictures: there is no server any more when they are looked at.
        """
        found = report.document()
        self._keep_facts(found)
        found["filmstrip"] = found["filmstrip"] or [
            {"frame": frame, "jpeg": base64.b64encode(data).decode()}
            for frame, data in sorted(self.pictures.items())
        ]
        return found

    def take_changes(self) -> Document | None:
        """Return what has changed since the last call; None if nothing has."""
        if self.document is None or not (self._changed or self._facts):
            return None
        patch = {name: self.document[name] for name in self._facts}
        if self._changed:
            patch["chunks"] = [
                {"id": id_, **{name: self._chunks[id_][name] for name in sorted(names)}}
                for id_, names in sorted(self._changed.items())
            ]
        self._changed.clear()
        self._facts.clear()
        return patch

    def _begin(self, chunk_id: int, *, backup: bool) -> None:
        attempts = list(self._chunks[chunk_id]["attempts"])
        now = self._now()
        recorded = [
            each
            for each in attempts
            if each["seconds"] is None
            and each["backup"] == backup
            and each["start"] > now - _SAME_ATTEMPT
        ]
        if not recorded:
            number = len(attempts) + 1
            fresh = {"number": number, "start": now, "seconds": None, "worker": ""}
            attempts.append({**fresh, "backup": backup, "error": None, "log": "", "steps": {}})
        changes = {} if backup else {"framesDone": 0}
        self._change(chunk_id, state="running", attempts=attempts, **changes)

    def _end(self, chunk_id: int, state: str, *, error: Document | None = None) -> None:
        now = self._now()
        attempts = [
            each
            if each["seconds"] is not None
            else {**each, "seconds": round(now - each["start"], 3), "error": error}
            for each in self._chunks[chunk_id]["attempts"]
        ]
        self._change(chunk_id, state=state, attempts=attempts)

    def _change(self, chunk_id: int, **changes: Any) -> None:
        self._merge(chunk_id, changes)
        self._touched[chunk_id] = time.monotonic()

    def _merge(self, chunk_id: int, changes: Mapping[str, Any]) -> None:
        self._chunks[chunk_id] = {**self._chunks[chunk_id], **changes}
        self._changed.setdefault(chunk_id, set()).update(changes)

    def _set(self, **facts: Any) -> None:
        assert self.document is not None  # noqa: S101 - callers have checked
        self._facts |= {name for name, value in facts.items() if self.document.get(name) != value}
        self.document.update(facts)

    def _keep_facts(self, found: Document) -> None:
        """Add what earlier reports had, and this one was read without."""
        if self.document is None:
            return
        seams, known = found.get("seams"), self.document["seams"]
        if seams and known:
            seams["pairs"] = seams["pairs"] or known["pairs"]
        for name in _KEPT:
            found[name] = found.get(name) or self.document[name]

    def _strip(self) -> list[Document]:
        return [{"frame": frame, "jpeg": f"/pictures/{frame}"} for frame in sorted(self.pictures)]

    def _now(self) -> float:
        assert self.document is not None  # noqa: S101 - callers have checked
        begin = datetime.fromisoformat(self.document["begin"])
        return round((datetime.now(UTC) - begin).total_seconds(), 3)


def _plain(error: ErrorRecord) -> Document:
    found: Document = error.model_dump(mode="json", by_alias=True, exclude_none=True)
    return found
