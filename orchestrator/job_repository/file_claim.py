"""The claim on a job in a folder of this machine."""

import asyncio
import secrets
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from helios.errors import JobChanged, JobRecordInvalid
from orchestrator.job_repository.base import ControlRequest, JobClaim
from orchestrator.job_repository.durable import append_durably, flush_folder, write_durably
from orchestrator.job_repository.file_lock import FileLock
from orchestrator.job_repository.file_record import (
    GONE,
    LOG,
    REQUEST,
    SUMMARY,
    ends_whole,
    finish_in_thread,
    load_counting,
    read_summary,
    write_faults,
)
from orchestrator.job_repository.record_format import decode_chunks, encode_chunks, encode_summary
from orchestrator.model.job import Job, JobSummary
from orchestrator.model.job_chunk import JobChunk

#: The chunk log is rewritten at a claim's end if it has this many times the entries it needs,
#: and this many bytes.
LOG_WASTE = 3
LOG_BYTES = 64 * 1024


class FileClaim(JobClaim):
    """A claim on a job in a folder, held by a lock on a file.

    Args:
        lock: The lock, which the claim releases at its end.
        checked: Reads a record, and sets it aside if it is damaged.
    """

    request_interval = 0.25

    def __init__(
        self,
        job_id: str,
        path: Path,
        lock: FileLock,
        *,
        checked: Callable[[Path, Callable[[Path], Job]], Job],
    ) -> None:
        super().__init__(job_id)
        self._path = path
        self._lock = lock
        self._checked = checked
        self._revision: int | None = None
        self._log_ends_whole = False

    async def load(self) -> Job:
        job = await asyncio.to_thread(self._checked, self._path, self._read)
        self._revision = job.revision
        return job

    async def save(self, summary: JobSummary) -> JobSummary:
        saved = summary.summary().model_copy(update={"revision": summary.revision + 1})
        await finish_in_thread(lambda: self._save(saved, based_on=summary.revision))
        return saved

    async def record(self, chunks: Sequence[JobChunk]) -> None:
        data = encode_chunks(chunks)
        await finish_in_thread(lambda: self._append(data))

    async def request(self) -> ControlRequest | None:
        try:
            return ControlRequest((self._path / REQUEST).read_text("ascii"))
        except (FileNotFoundError, ValueError):
            # It may be half written.
            return None

    async def delete(self) -> None:
        await finish_in_thread(self._delete)

    def end(self) -> None:
        """Compact the record, and release the lock."""
        if not self._lock.held:
            return
        try:
            with suppress(OSError, JobRecordInvalid):
                self._compact()
                self._lock.note("")
        finally:
            self._lock.release()

    def _read(self, path: Path) -> Job:
        job, self.damaged_lines = load_counting(path)
        return job

    def _save(self, summary: JobSummary, *, based_on: int) -> None:
        if self._revision is None:
            self._revision = read_summary(self._path).revision
        if based_on != self._revision:
            raise JobChanged(f"job {self.job_id!r}: it isn't at revision {based_on}")
        with write_faults(self._path, self.job_id):
            write_durably(self._path / SUMMARY, encode_summary(summary))
        self._revision = summary.revision

    def _append(self, data: bytes) -> None:
        log = self._path / LOG
        with write_faults(self._path, self.job_id):
            if not self._log_ends_whole:
                # A process that was killed may have left half a line.
                data = data if ends_whole(log) else b"\n" + data
                self._log_ends_whole = True
            append_durably(log, data)

    def _compact(self) -> None:
        log = self._path / LOG
        if not log.exists() or log.stat().st_size < LOG_BYTES:
            return
        data = log.read_bytes()
        chunks, _ = decode_chunks([data], source=str(log))
        if data.count(b"\n") > LOG_WASTE * len(chunks):
            write_durably(log, encode_chunks(chunks.values()))

    def _delete(self) -> None:
        gone = self._path.with_name(f"{GONE}{secrets.token_hex(8)}")
        with write_faults(self._path, self.job_id):
            self._path.rename(gone)
            flush_folder(gone.parent)
            shutil.rmtree(gone, ignore_errors=True)
