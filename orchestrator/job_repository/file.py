"""Jobs in a folder of this machine."""

import asyncio
import os
import secrets
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from helios.concurrency import finish_despite_cancel
from helios.contract.job_spec import JobSpec
from helios.errors import (
    JobBusy,
    JobChanged,
    JobExists,
    JobRecordInvalid,
    JobRecordNewer,
    JobSpecInvalid,
)
from helios.output import write_failure
from orchestrator.job_repository.base import (
    ControlRequest,
    JobClaim,
    JobRepository,
    Listing,
    not_found,
)
from orchestrator.job_repository.durable import append_durably, flush_folder, write_durably
from orchestrator.job_repository.file_lock import FileLock, is_locked
from orchestrator.job_repository.record_format import (
    decode_chunks,
    decode_summary,
    encode_chunks,
    encode_summary,
)
from orchestrator.job_repository.summary_index import IndexEntry, SummaryIndex, choose
from orchestrator.model.job import Job, JobSummary
from orchestrator.model.job_chunk import JobChunk
from orchestrator.model.job_id import check_job_id
from orchestrator.model.job_state import JobState

#: Where damaged records are set aside.
SET_ASIDE = ".damaged"
#: Records that changed since the index was written, beyond which writing it anew pays.
MOST_UNINDEXED = 50
#: The chunk log is written anew at a claim's end if it has so many times the entries it needs,
#: and this many bytes.
LOG_WASTE = 3
LOG_BYTES = 64 * 1024

_SUMMARY, _SPEC, _LOG, _LOCK, _WISH = "job.json", "spec.json", "chunks.jsonl", "lock", "wish"
# Folders that are made or removed right now. Whose process ended meanwhile is swept away.
_DRAFT, _GONE = ".new-", ".old-"

Result = TypeVar("Result")


class FileJobRepository(JobRepository):
    """Keeps each job in a folder of its own.

    `job.json` is the summary, replaced as a whole; `spec.json` never changes; `chunks.jsonl` only
    grows, so that progress costs as much as what it tells. `lock` is held by whoever is at the
    job. Names that begin with a dot aren't jobs: `.index` makes lists quick and may be deleted.

    Parameters
    ----------
    folder:
        Where the jobs are; it is made with the first of them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._index = SummaryIndex(self._folder / ".index")
        self._swept = False

    async def create(self, job: Job) -> None:
        path = self._path(job.id)
        await _in_thread(lambda: self._create(job, path))

    async def get(self, job_id: str) -> Job:
        path = self._existing(job_id)
        return await asyncio.to_thread(self._checked, path, _load)

    async def summary(self, job_id: str) -> JobSummary:
        path = self._existing(job_id)
        return await asyncio.to_thread(self._checked, path, _summary)

    async def list(
        self, *, states: Collection[JobState] | None = None, limit: int | None = None
    ) -> Listing:
        return await asyncio.to_thread(self._list, states, limit)

    @asynccontextmanager
    async def claim(self, job_id: str) -> AsyncIterator[JobClaim]:
        path = self._existing(job_id)
        lock = FileLock(path / _LOCK)
        claim = _FileClaim(job_id, path, lock, checked=self._checked)
        try:
            await _in_thread(lambda: self._take(lock, path))
            yield claim
        finally:
            await _in_thread(claim.end)

    async def holder(self, job_id: str) -> str | None:
        path = self._existing(job_id) / _LOCK
        try:
            return _holder(path) if is_locked(path) else None
        except FileNotFoundError:
            return None

    async def ask(self, job_id: str, wish: ControlRequest) -> None:
        path = self._existing(job_id)
        with _faults(path, job_id):
            (path / _WISH).write_text(wish, "ascii")

    def _path(self, job_id: str) -> Path:
        return self._folder / check_job_id(job_id)

    def _existing(self, job_id: str) -> Path:
        path = self._path(job_id)
        # A folder without lock isn't a job's: somebody else made it.
        if not (path / _LOCK).is_file():
            raise not_found(job_id, where=str(self._folder))
        return path

    def _create(self, job: Job, path: Path) -> None:
        self._make_folder()
        with _faults(path, job.id):
            self._sweep()
            draft, lock = self._draft()
            with lock:
                try:
                    (draft / _LOCK).touch(mode=0o600)
                    write_durably(draft / _SPEC, job.spec.to_json().encode())
                    write_durably(draft / _LOG, encode_chunks(job.chunks.values()))
                    write_durably(draft / _SUMMARY, encode_summary(job.summary()))
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
            # Somebody who sweeps may have been quicker.
            with suppress(FileNotFoundError):
                if lock.take():
                    return draft, lock

    def _sweep(self) -> None:
        """Remove what processes left that were killed while they made or removed a job."""
        if self._swept:
            return
        self._swept = True
        for path in self._folder.iterdir():
            if path.name.startswith((_DRAFT, _GONE)):
                with suppress(FileNotFoundError), FileLock(path) as lock:
                    if lock.take(patience=0):
                        shutil.rmtree(path, ignore_errors=True)

    def _take(self, lock: FileLock, path: Path) -> None:
        try:
            if not lock.take():
                raise JobBusy(
                    f"job {path.name!r}: {_holder(lock.path)} is at it",
                    hint=f"Wait for it, or `orchestrator cancel {path.name}`.",
                )
        except (FileNotFoundError, NotADirectoryError):
            raise not_found(path.name, where=str(self._folder)) from None
        lock.note(f"process {os.getpid()} on {socket.gethostname()}")
        (path / _WISH).unlink(missing_ok=True)

    def _list(self, states: Collection[JobState] | None, limit: int | None) -> Listing:
        present = dict(self._fingerprints())
        entries = self._index.entries(present)
        outdated = len(present) - len(entries)
        faults: list[JobRecordInvalid] = []
        for job_id in present.keys() - entries.keys():
            try:
                summary = self._checked(self._folder / job_id, _summary)
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
                status = os.stat(f"{base}/{name}/{_SUMMARY}")  # noqa: PTH116 - 10,000 of them
                yield name, f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"
            except (FileNotFoundError, NotADirectoryError):
                if (self._folder / name / _LOCK).is_file():
                    yield name, "missing"

    def _checked(self, path: Path, read: Callable[[Path], Result]) -> Result:
        """Read a record; set it aside if it is damaged and nobody is at it."""
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
        with suppress(OSError), FileLock(path / _LOCK) as lock:
            if lock.take():
                aside.parent.mkdir(exist_ok=True)
                path.rename(aside)
                return aside
        return None


class _FileClaim(JobClaim):
    wish_interval = 0.25

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
        await _in_thread(lambda: self._save(saved, based_on=summary.revision))
        return saved

    async def record(self, chunks: Sequence[JobChunk]) -> None:
        data = encode_chunks(chunks)
        await _in_thread(lambda: self._append(data))

    async def wish(self) -> ControlRequest | None:
        try:
            return ControlRequest((self._path / _WISH).read_text("ascii"))
        except (FileNotFoundError, ValueError):
            # Whoever writes it may have got half-way.
            return None

    async def delete(self) -> None:
        await _in_thread(self._delete)

    def end(self) -> None:
        """Leave the record tidy and let go of it."""
        if not self._lock.held:
            return
        try:
            with suppress(OSError, JobRecordInvalid):
                self._compact()
                self._lock.note("")
        finally:
            self._lock.release()

    def _read(self, path: Path) -> Job:
        job, self.damaged_lines = _load_counting(path)
        return job

    def _save(self, summary: JobSummary, *, based_on: int) -> None:
        if self._revision is None:
            self._revision = _summary(self._path).revision
        if based_on != self._revision:
            raise JobChanged(f"job {self.job_id!r}: it isn't at revision {based_on}")
        with _faults(self._path, self.job_id):
            write_durably(self._path / _SUMMARY, encode_summary(summary))
        self._revision = summary.revision

    def _append(self, data: bytes) -> None:
        log = self._path / _LOG
        with _faults(self._path, self.job_id):
            if not self._log_ends_whole:
                # A process that was killed may have left half a line.
                data = data if _ends_whole(log) else b"\n" + data
                self._log_ends_whole = True
            append_durably(log, data)

    def _compact(self) -> None:
        log = self._path / _LOG
        if not log.exists() or log.stat().st_size < LOG_BYTES:
            return
        data = log.read_bytes()
        chunks, _ = decode_chunks([data], source=str(log))
        if data.count(b"\n") > LOG_WASTE * len(chunks):
            write_durably(log, encode_chunks(chunks.values()))

    def _delete(self) -> None:
        gone = self._path.with_name(f"{_GONE}{secrets.token_hex(8)}")
        with _faults(self._path, self.job_id):
            self._path.rename(gone)
            flush_folder(gone.parent)
            shutil.rmtree(gone, ignore_errors=True)


def _load(path: Path) -> Job:
    return _load_counting(path)[0]


def _load_counting(path: Path) -> tuple[Job, int]:
    summary = _summary(path)
    try:
        spec = JobSpec.parse((path / _SPEC).read_bytes(), source=str(path / _SPEC))
    except JobSpecInvalid as fault:
        raise JobRecordInvalid(fault.message, details=fault.details) from None
    log = path / _LOG
    chunks, damaged = decode_chunks([log.read_bytes()], source=str(log))
    return Job.of(summary, spec=spec, chunks=chunks), damaged


def _summary(path: Path) -> JobSummary:
    file = path / _SUMMARY
    summary = decode_summary(file.read_bytes(), source=str(file))
    if summary.id != path.name:
        raise JobRecordInvalid(f"{file}: is that of job {summary.id!r}")
    return summary


def _holder(lock: Path) -> str:
    with suppress(OSError):
        return lock.read_text("utf-8").strip() or "another process"
    return "another process"


def _ends_whole(log: Path) -> bool:
    with log.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


@contextmanager
def _faults(path: Path, job_id: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as fault:
        raise not_found(job_id, where=str(path.parent)) from fault
    except OSError as fault:
        raise write_failure(fault, output=path) from fault


async def _in_thread(work: Callable[[], Result]) -> Result:
    # Cut short, a write would go on behind its caller's back, after the claim was let go.
    return await finish_despite_cancel(asyncio.to_thread(work))
