"""Jobs in a folder of this machine."""

import asyncio
import os
import secrets
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from helios.errors import JobBusy, JobExists, JobRecordInvalid, JobRecordNewer
from helios.output import write_failure
from orchestrator.job_repository.base import (
    ControlRequest,
    JobClaim,
    JobRepository,
    Listing,
    not_found,
)
from orchestrator.job_repository.durable import flush_folder, write_durably
from orchestrator.job_repository.file_claim import FileClaim
from orchestrator.job_repository.file_lock import FileLock, is_locked
from orchestrator.job_repository.file_record import (
    GONE,
    LOCK,
    LOG,
    REQUEST,
    SPEC,
    SUMMARY,
    Result,
    finish_in_thread,
    load,
    read_holder,
    read_summary,
    write_faults,
)
from orchestrator.job_repository.record_format import encode_chunks, encode_summary
from orchestrator.job_repository.summary_index import IndexEntry, SummaryIndex, choose
from orchestrator.model.job import Job, JobSummary
from orchestrator.model.job_id import check_job_id
from orchestrator.model.job_state import JobState

#: Where damaged records are set aside.
SET_ASIDE = ".damaged"
#: Number of records changed since the index was written, above which it is rewritten.
MOST_UNINDEXED = 50
# Prefix of folders that are being made.
_DRAFT = ".new-"


class FileJobRepository(JobRepository):
    """Stores each job in a folder of its own.

    `job.json` is the summary, replaced as a whole; `spec.json` never changes; lines are only added
    to `chunks.jsonl`, so that recording a chunk takes the same time in a job of any size. `lock` is
    locked by the process that has claimed the job. Names that begin with a dot aren't jobs:
    `.index` makes lists quick and may be deleted.

    Args:
        folder: The folder of all jobs; it is created with the first one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._index = SummaryIndex(self._folder / ".index")
        self._swept = False

    async def create(self, job: Job) -> None:
        path = self._path(job.id)
        await finish_in_thread(lambda: self._create(job, path))

    async def get(self, job_id: str) -> Job:
        path = self._existing(job_id)
        return await asyncio.to_thread(self._checked, path, load)

    async def summary(self, job_id: str) -> JobSummary:
        path = self._existing(job_id)
        return await asyncio.to_thread(self._checked, path, read_summary)

    async def list(
        self, *, states: Collection[JobState] | None = None, limit: int | None = None
    ) -> Listing:
        return await asyncio.to_thread(self._list, states, limit)

    @asynccontextmanager
    async def claim(self, job_id: str) -> AsyncIterator[JobClaim]:
        path = self._existing(job_id)
        lock = FileLock(path / LOCK)
        claim = FileClaim(job_id, path, lock, checked=self._checked)
        try:
            await finish_in_thread(lambda: self._take(lock, path))
            yield claim
        finally:
            await finish_in_thread(claim.end)

    async def holder(self, job_id: str) -> str | None:
        path = self._existing(job_id) / LOCK
        try:
            return read_holder(path) if is_locked(path) else None
        except FileNotFoundError:
            return None

    async def ask(self, job_id: str, request: ControlRequest) -> None:
        path = self._existing(job_id)
        with write_faults(path, job_id):
            (path / REQUEST).write_text(request, "ascii")

    def _path(self, job_id: str) -> Path:
        return self._folder / check_job_id(job_id)

    def _existing(self, job_id: str) -> Path:
        path = self._path(job_id)
        # A folder without a lock file isn't a job's.
        if not (path / LOCK).is_file():
            raise not_found(job_id, where=str(self._folder))
        return path

    def _create(self, job: Job, path: Path) -> None:
        self._make_folder()
        with write_faults(path, job.id):
            self._sweep()
            draft, lock = self._draft()
            with lock:
                try:
                    (draft / LOCK).touch(mode=0o600)
                    write_durably(draft / SPEC, job.spec.to_json().encode())
                    write_durably(draft / LOG, encode_chunks(job.chunks.values()))
                    write_durably(draft / SUMMARY, encode_summary(job.summary()))
                    # The system refuses to put a folder over one that isn't empty.
                    draft.rename(path)
                except OSError as fault:
                    shutil.rmtree(draft, ignore_errors=True)
                    if path.exists():
                        raise JobExists(
                            f"job {job.id!r}: there is one with this id in {self._folder}"
                        ) from fault
                    raise
            flush_folder(self._folder)

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise write_failure(fault, output=self._folder) from fault

    def _draft(self) -> tuple[Path, FileLock]:
        while True:
            draft = self._folder / f"{_DRAFT}{secrets.token_hex(8)}"
            draft.mkdir(mode=0o700)
            lock = FileLock(draft)
            # Another process may have removed it as a killed one's.
            with suppress(FileNotFoundError):
                if lock.take():
                    return draft, lock

    def _sweep(self) -> None:
        """Remove what processes left that were killed while they made or removed a job."""
        if self._swept:
            return
        self._swept = True
        for path in self._folder.iterdir():
            if path.name.startswith((_DRAFT, GONE)):
                with suppress(FileNotFoundError), FileLock(path) as lock:
                    if lock.take(patience=0):
                        shutil.rmtree(path, ignore_errors=True)

    def _take(self, lock: FileLock, path: Path) -> None:
        try:
            if not lock.take():
                raise JobBusy(
                    f"job {path.name!r}: {read_holder(lock.path)} holds it",
                    hint=f"Wait for it, or `orchestrator cancel {path.name}`.",
                )
        except (FileNotFoundError, NotADirectoryError):
            raise not_found(path.name, where=str(self._folder)) from None
        lock.note(f"process {os.getpid()} on {socket.gethostname()}")
        (path / REQUEST).unlink(missing_ok=True)

    def _list(self, states: Collection[JobState] | None, limit: int | None) -> Listing:
        present = dict(self._fingerprints())
        entries = self._index.entries(present)
        outdated = len(present) - len(entries)
        faults: list[JobRecordInvalid] = []
        for job_id in present.keys() - entries.keys():
            try:
                summary = self._checked(self._folder / job_id, read_summary)
            except JobRecordInvalid as fault:
                faults.append(fault)
            except FileNotFoundError:
                pass
            else:
                entries[job_id] = IndexEntry.of(summary, present[job_id])
        if outdated > MOST_UNINDEXED:
            self._index.keep(entries.values())
        return Listing(choose(entries.values(), states=states, limit=limit), faults)

    def _fingerprints(self) -> Iterator[tuple[str, str]]:
        try:
            with os.scandir(self._folder) as there:
                names = [entry.name for entry in there if not entry.name.startswith(".")]
        except FileNotFoundError:
            return
        base = str(self._folder)
        for name in names:
            try:
                status = os.stat(f"{base}/{name}/{SUMMARY}")  # noqa: PTH116 - 10,000 of them
                yield name, f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"
            except (FileNotFoundError, NotADirectoryError):
                if (self._folder / name / LOCK).is_file():
                    yield name, "missing"

    def _checked(self, path: Path, read: Callable[[Path], Result]) -> Result:
        """Read a record; set it aside if it is damaged and no process has claimed the job."""
        try:
            return read(path)
        except FileNotFoundError:
            if not path.exists():
                raise not_found(path.name, where=str(self._folder)) from None
            damage = JobRecordInvalid(f"{path}: a file of the record is missing")
        except JobRecordNewer:
            raise
        except JobRecordInvalid as fault:
            damage = fault
        aside = self._set_aside(path)
        if aside is not None:
            damage.hint = f"It was set aside as {aside}."
        raise damage

    def _set_aside(self, path: Path) -> Path | None:
        aside = self._folder / SET_ASIDE / f"{path.name}.{secrets.token_hex(4)}"
        with suppress(OSError), FileLock(path / LOCK) as lock:
            if lock.take():
                aside.parent.mkdir(exist_ok=True)
                path.rename(aside)
                return aside
        return None
