"""Errors: each has a stable code, a message that names the faulty input, and a hint.

    HeliosError
    ├── SpecError           invalid job spec, or invalid command in it
    ├── CompositionError    composition that can't be rendered
    ├── RenderError         failed rendering, encoding or joining
    ├── WorkerError         unreachable, refusing or crashed worker
    ├── StorageError        unreadable or unwritable file or object
    ├── JobError            failed or stopped job, or a request that conflicts with its state
    └── ConfigurationError  unsuitable setting, program or deployment

Executors retry errors whose `retryable` is true: temporary ones such as crashes and timeouts, not
permanent ones such as an invalid spec, a missing file or a forbidden command.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

#: Exit status of a command that failed with valid input; another try may succeed.
EXIT_FAILED = 1
#: Exit status of a command that refused its input or environment; another try would fail again.
EXIT_REFUSED = 2
#: Exit status of a command that stopped at a cost or time limit; finished work is kept.
EXIT_LIMIT = 3
#: Exit status after Ctrl-C (128 + SIGINT).
EXIT_INTERRUPTED = 130


class HeliosError(Exception):
    """An error with a stable code.

    Parameters
    ----------
    message:
        Description of the fault, which names the faulty input.
    hint:
        Advice in one sentence.
    details:
        Single faults, one per line (for instance the JSON paths of a job spec's faults).
    retryable:
        Whether another try may succeed; by default as for the class.
    """

    code: ClassVar[str] = "INTERNAL"
    retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        details: Sequence[str] = (),
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        if retryable is not None:
            self.retryable = retryable
        self.message = message
        self.hint = hint
        self.details = tuple(details)

    @property
    def exit_code(self) -> int:
        """Exit status of a command that ends with this error."""
        return EXIT_FAILED if self.retryable else EXIT_REFUSED

    def __str__(self) -> str:
        lines = [self.message, *(f"  - {detail}" for detail in self.details)]
        if self.hint:
            lines.append(self.hint)
        return "\n".join(lines)


class SpecError(HeliosError):
    """Invalid job spec, or invalid command in it."""


class CompositionError(HeliosError):
    """Composition that can't be rendered."""


class RenderError(HeliosError):
    """Failed rendering, encoding or joining."""


class WorkerError(HeliosError):
    """Unreachable, refusing or crashed worker."""


class StorageError(HeliosError):
    """Unreadable or unwritable file or object."""


class JobError(HeliosError):
    """Failed or stopped job, or a request that conflicts with its state."""


class ConfigurationError(HeliosError):
    """Unsuitable setting, program or deployment."""


class JobSpecInvalid(SpecError):
    """The job spec violates its schema or is inconsistent; `details` hold the JSON paths."""

    code = "JOB_SPEC_INVALID"


class JobSpecNotFound(SpecError):
    """There is no job spec at the given path."""

    code = "JOB_SPEC_NOT_FOUND"


class InvocationInvalid(SpecError):
    """The payload of an invocation violates the wire format."""

    code = "INVOCATION_INVALID"


class ChunkNotFound(SpecError):
    """The job spec has no chunk with this id."""

    code = "CHUNK_NOT_FOUND"


class CommandInvalid(SpecError):
    """The command can't be split into arguments."""

    code = "COMMAND_INVALID"


class CommandForbidden(SpecError):
    """The command's executable isn't on the worker's allow-list."""

    code = "COMMAND_FORBIDDEN"


class CommandNotFound(SpecError):
    """The command's executable isn't installed."""

    code = "COMMAND_NOT_FOUND"


class CommandFailed(RenderError):
    """The command ended with an exit status other than 0 and without an error report."""

    code = "COMMAND_FAILED"
    retryable = True


class CommandTimedOut(RenderError):
    """The command exceeded its time limit and was ended."""

    code = "TIMEOUT"
    retryable = True


class Cancelled(JobError):
    """The work was cancelled."""

    code = "CANCELLED"


class JobFailed(JobError):
    """At least one chunk of the job failed; `details` hold one line per failure."""

    code = "JOB_FAILED"
    retryable = True


class CircuitOpen(JobFailed):
    """The job was stopped because most of its attempts fail; `details` hold examples."""

    code = "CIRCUIT_OPEN"


class MergeFailed(RenderError):
    """All chunks of the job exist, but its merge command failed."""

    code = "MERGE_FAILED"
    retryable = True


class JobNotFound(JobError):
    """There is no job with this id."""

    code = "JOB_NOT_FOUND"


class JobExists(JobError):
    """A job with this id exists already."""

    code = "JOB_EXISTS"


class JobBusy(JobError):
    """Another process runs the job, or another job in its folder."""

    code = "JOB_BUSY"


class JobStateConflict(JobError):
    """The job's state doesn't allow the request, such as pausing a completed job."""

    code = "JOB_STATE_CONFLICT"


class JobChanged(JobError):
    """Another process took over the job and changed its record."""

    code = "JOB_CHANGED"


class JobRecordInvalid(JobError):
    """The job's record can't be read; the damaged file was moved aside."""

    code = "JOB_RECORD_INVALID"


class JobRecordNewer(JobRecordInvalid):
    """The job's record was written by a newer version of this program."""

    code = "JOB_RECORD_NEWER"


class JobStopped(JobError):
    """The whole job has to stop.

    Adapters raise it when a chunk is submitted; unlike other errors it isn't the chunk's result. No
    further chunk starts, running ones are awaited, and the job ends with this error.
    """

    code = "JOB_STOPPED"

    @property
    def exit_code(self) -> int:
        """Exit status of a command that ends with this error: the job can be resumed."""
        return EXIT_FAILED


class LimitReached(JobStopped):
    """The job was stopped before it exceeded a limit."""

    code = "LIMIT_REACHED"

    @property
    def exit_code(self) -> int:
        """Exit status of a command that ends with this error."""
        return EXIT_LIMIT


class CostLimitReached(LimitReached):
    """The next chunk could exceed the job's cost limit."""

    code = "COST_LIMIT"


class DeadlineReached(LimitReached):
    """The job wasn't finished by its deadline."""

    code = "DEADLINE"


class JobPaused(Cancelled):
    """The job was paused: running chunks were finished, and no further one started."""

    code = "PAUSED"


class OptionInvalid(ConfigurationError):
    """An option has an invalid value."""

    code = "OPTION_INVALID"


class CompositionNotFound(CompositionError):
    """There is no such composition."""

    code = "COMPOSITION_NOT_FOUND"


class CompositionFailed(CompositionError):
    """The page threw an exception while it loaded."""

    code = "COMPOSITION_FAILED"


class CompositionTimedOut(CompositionError):
    """The page didn't fire `load` in time."""

    code = "COMPOSITION_LOAD_TIMEOUT"


class CompositionUnsettled(CompositionError):
    """A frame never became ready (fonts, images, media, `waitUntilStable`)."""

    code = "COMPOSITION_NEVER_SETTLED"


class DialectUnsupported(CompositionError):
    """The page is made for another system's player; `details` hold its unsupported features."""

    code = "DIALECT_UNSUPPORTED"


class DurationUnknown(CompositionError):
    """The page declares no duration, and none was given."""

    code = "DURATION_UNKNOWN"


class AssetMissing(CompositionError):
    """The page requested files that don't exist; `details` hold their names."""

    code = "ASSET_MISSING"


class MediaUnsupported(CompositionError):
    """The browser can't play a media file; the hint has a command that converts it."""

    code = "MEDIA_UNSUPPORTED"


class CodecUnavailable(ConfigurationError):
    """The installed ffmpeg lacks a codec."""

    code = "CODEC_UNAVAILABLE"


class OutputUnwritable(StorageError):
    """An output can't be written (permissions, a read-only or missing folder)."""

    code = "OUTPUT_UNWRITABLE"


class DiskFull(StorageError):
    """There is no space left for the output or temporary files."""

    code = "DISK_FULL"


class ProgramMissing(ConfigurationError):
    """A required program (a browser, ffmpeg) isn't installed."""

    code = "PROGRAM_MISSING"


class BrowserCrashed(RenderError):
    """The browser ended or stopped answering."""

    code = "BROWSER_CRASHED"
    retryable = True


class EncodeFailed(RenderError):
    """ffmpeg failed to encode; `details` hold the end of its log."""

    code = "ENCODE_FAILED"
    retryable = True


class AudioFailed(RenderError):
    """The audio of a composition couldn't be read or mixed."""

    code = "AUDIO_FAILED"


class ChunkOutputInvalid(RenderError):
    """A chunk's output is missing, doesn't decode, or contradicts the job spec."""

    code = "CHUNK_OUTPUT_INVALID"
    retryable = True


class StitchFailed(RenderError):
    """Chunk outputs couldn't be joined."""

    code = "STITCH_FAILED"


class SeamBroken(RenderError):
    """The stitched video differs from its chunks at the named boundaries."""

    code = "SEAM_BROKEN"
    retryable = True


class SeamDiffers(RenderError):
    """Two chunks draw the frame at their seam differently."""

    code = "SEAM_DIFFERS"


class StorageInvalid(StorageError):
    """Invalid storage URL, or a key that leaves its folder."""

    code = "STORAGE_INVALID"


class ArtifactNotFound(StorageError):
    """An artifact, a bucket or a folder doesn't exist."""

    code = "ARTIFACT_NOT_FOUND"


class ArtifactCorrupt(StorageError):
    """An artifact's digest differs from the recorded one: it is truncated or damaged."""

    code = "ARTIFACT_CORRUPT"
    retryable = True


class AccessDenied(StorageError):
    """Storage or a worker refuses the credentials, or requires some."""

    code = "ACCESS_DENIED"


class StorageUnavailable(StorageError):
    """Storage was unavailable in several tries."""

    code = "STORAGE_UNAVAILABLE"
    retryable = True


class ArchiveInvalid(StorageError):
    """An archive, or a folder to pack, is too large or has entries that lead outside."""

    code = "ARCHIVE_INVALID"


class SourceForbidden(WorkerError):
    """A URL isn't on the worker's allow-list, or is in a private network."""

    code = "SOURCE_FORBIDDEN"


class PayloadTooLarge(WorkerError):
    """A request, a job spec or an answer exceeds a size limit."""

    code = "PAYLOAD_TOO_LARGE"


class CallerRejected(WorkerError):
    """The identity token of a request is missing, forged, expired or for another audience."""

    code = "CALLER_REJECTED"


class WorkerNotFound(WorkerError):
    """The function or service isn't deployed."""

    code = "WORKER_NOT_FOUND"


class WorkerThrottled(WorkerError):
    """A worker reached its concurrency limit or a quota."""

    code = "WORKER_THROTTLED"
    retryable = True


class WorkerUnavailable(WorkerError):
    """A worker couldn't be reached, or closed the connection."""

    code = "WORKER_UNAVAILABLE"
    retryable = True


class WorkerCrashed(WorkerError):
    """A worker ended during its work, or failed outside the command."""

    code = "WORKER_CRASHED"
    retryable = True


class OutOfMemory(WorkerError):
    """A command or a worker ran out of memory."""

    code = "OUT_OF_MEMORY"
    retryable = True


class CheckupFailed(ConfigurationError):
    """A check before rendering found a problem."""

    code = "CHECKUP_FAILED"


class DeploymentFailed(ConfigurationError):
    """A cloud resource couldn't be created, changed or deleted."""

    code = "DEPLOYMENT_FAILED"


class SignatureInvalid(ConfigurationError):
    """The signature of a webhook is missing, wrong or too old."""

    code = "SIGNATURE_INVALID"


class WebhookUndelivered(JobError):
    """The receiver didn't accept a webhook."""

    code = "WEBHOOK_UNDELIVERED"
    retryable = True


_REPORT = re.compile(
    r"^error\[(?P<code>[A-Z_]+)\](?P<retry> \(retryable\))?: (?P<message>.*)"
    r"(?P<details>(?:\n  - .*)*)(?:\n(?P<hint>.+))?",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Report:
    """A parsed error report; `before` is the output that precedes it."""

    code: str
    message: str
    retryable: bool
    details: tuple[str, ...] = ()
    hint: str = ""
    before: str = ""


def report(error: HeliosError) -> str:
    """Return the error report that a command writes to stderr; `parse_report` parses it."""
    retry = " (retryable)" if error.retryable else ""
    return f"error[{error.code}]{retry}: {error}"


def parse_report(stderr: str) -> Report | None:
    """Return the last error report in a command's stderr; None without one."""
    found = None
    for match in _REPORT.finditer(stderr):
        found = match
    if found is None:
        return None
    return Report(
        code=found["code"],
        message=found["message"],
        retryable=found["retry"] is not None,
        details=tuple(line.removeprefix("  - ") for line in found["details"].splitlines() if line),
        hint=found["hint"] or "",
        before=stderr[: found.start()],
    )
