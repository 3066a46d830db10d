"""Errors with stable codes, the input at fault, and a hint what to do.

    HeliosError
    ├── SpecError           a job spec, or a command in it, that can't be run
    ├── CompositionError    a composition that can't be rendered as it is
    ├── RenderError         rendering, encoding or joining that failed
    ├── WorkerError         a worker that couldn't be reached, refused, or died
    ├── StorageError        a file or an object that can't be read or written
    ├── JobError            a job that failed, was stopped, or isn't in a state for what was asked
    └── ConfigurationError  a setting, a program or a deployment that doesn't suit

`retryable` decides whether an executor tries again: what chance broke (a crash, a time-out) is,
what can't heal (a bad spec, a missing file, a forbidden command) is not.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

#: Exit status of a command that failed although its input was good; another try may succeed.
EXIT_FAILED = 1
#: Exit status of a command that refused its input or its environment; another try is pointless.
EXIT_REFUSED = 2
#: Exit status of a command that stopped at a limit of money or time; what is done is kept.
EXIT_LIMIT = 3
#: Exit status after Ctrl-C (128 + SIGINT).
EXIT_INTERRUPTED = 130


class HeliosError(Exception):
    """An error with a stable code.

    Parameters
    ----------
    message:
        What was wrong, naming the input at fault.
    hint:
        What to do about it; one sentence.
    details:
        Single faults, one a line (for instance every JSON path at fault in a job spec).
    retryable:
        Whether another try may succeed, where this error differs from others of its kind.
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


# --- the families ---------------------------------------------------------------------------


class SpecError(HeliosError):
    """A job spec, or a command in it, that can't be run."""


class CompositionError(HeliosError):
    """A composition that can't be rendered as it is."""


class RenderError(HeliosError):
    """Rendering, encoding or joining that failed."""


class WorkerError(HeliosError):
    """A worker that couldn't be reached, refused the request, or died."""


class StorageError(HeliosError):
    """A file or an object that can't be read or written where it is kept."""


class JobError(HeliosError):
    """A job that failed, was stopped, or isn't in a state for what was asked."""


class ConfigurationError(HeliosError):
    """A setting, a program or a deployment that doesn't suit what was asked."""


# --- the contract ---------------------------------------------------------------------------


class JobSpecInvalid(SpecError):
    """A job spec that breaks its schema or contradicts itself; `details` hold the JSON paths."""

    code = "JOB_SPEC_INVALID"


class JobSpecNotFound(SpecError):
    """No job spec at the path that was given."""

    code = "JOB_SPEC_NOT_FOUND"


class InvocationInvalid(SpecError):
    """An invocation whose payload breaks the wire format."""

    code = "INVOCATION_INVALID"


class ChunkNotFound(SpecError):
    """A chunk id that the job spec doesn't have."""

    code = "CHUNK_NOT_FOUND"


class CommandInvalid(SpecError):
    """A command string that can't be split into arguments."""

    code = "COMMAND_INVALID"


class CommandForbidden(SpecError):
    """A command whose executable isn't on the worker's allow-list."""

    code = "COMMAND_FORBIDDEN"


class CommandNotFound(SpecError):
    """A command whose executable isn't installed."""

    code = "COMMAND_NOT_FOUND"


# --- running commands -----------------------------------------------------------------------


class CommandFailed(RenderError):
    """A command that ended with an exit status other than 0 and didn't say why."""

    code = "COMMAND_FAILED"
    retryable = True


class CommandTimedOut(RenderError):
    """A command that was ended because its time was up."""

    code = "TIMEOUT"
    retryable = True


class Cancelled(JobError):
    """Work that was stopped on request."""

    code = "CANCELLED"


class JobFailed(JobError):
    """A job in which at least one chunk failed for good; `details` hold one line a failure."""

    code = "JOB_FAILED"
    retryable = True


class CircuitOpen(JobFailed):
    """A job that was stopped because most of its attempts fail; `details` hold examples."""

    code = "CIRCUIT_OPEN"


class MergeFailed(RenderError):
    """A job whose chunks are all there but whose merge command failed."""

    code = "MERGE_FAILED"
    retryable = True


# --- the life of a job ----------------------------------------------------------------------


class JobNotFound(JobError):
    """No job with that id among those that are kept."""

    code = "JOB_NOT_FOUND"


class JobExists(JobError):
    """A job with that id is kept already."""

    code = "JOB_EXISTS"


class JobBusy(JobError):
    """A job that another process is at, or the folder that it runs in."""

    code = "JOB_BUSY"


class JobStateConflict(JobError):
    """A wish that a job's state doesn't allow, such as to pause what is completed."""

    code = "JOB_STATE_CONFLICT"


class JobChanged(JobError):
    """A job that another process took over and wrote in the meantime."""

    code = "JOB_CHANGED"


class JobRecordInvalid(JobError):
    """A job's record that can't be read; what is damaged was set aside."""

    code = "JOB_RECORD_INVALID"


class JobRecordNewer(JobRecordInvalid):
    """A job's record that a newer version of this program wrote."""

    code = "JOB_RECORD_NEWER"


class JobStopped(JobError):
    """A reason to stop a job as a whole, found while one of its chunks was handed over.

    Adapters raise it; unlike other errors it isn't the chunk's result. Nothing new begins after
    it, what runs is waited for, and the job ends with it.
    """

    code = "JOB_STOPPED"

    @property
    def exit_code(self) -> int:
        """Exit status of a command that ends with this error: going on later may help."""
        return EXIT_FAILED


class LimitReached(JobStopped):
    """A job that was stopped before it passed a limit that was set."""

    code = "LIMIT_REACHED"

    @property
    def exit_code(self) -> int:
        """Exit status of a command that ends with this error."""
        return EXIT_LIMIT


class CostLimitReached(LimitReached):
    """A job whose next chunk could cost more than it may."""

    code = "COST_LIMIT"


class DeadlineReached(LimitReached):
    """A job that isn't done by its deadline."""

    code = "DEADLINE"


class JobPaused(Cancelled):
    """A job that was paused: nothing new began, and what ran was finished."""

    code = "PAUSED"


# --- input of a render ----------------------------------------------------------------------


class OptionInvalid(ConfigurationError):
    """An option whose value can't be worked with."""

    code = "OPTION_INVALID"


class CompositionNotFound(CompositionError):
    """A composition that isn't there."""

    code = "COMPOSITION_NOT_FOUND"


class CompositionFailed(CompositionError):
    """A page that threw while it loaded, so that its frames can't be trusted."""

    code = "COMPOSITION_FAILED"


class CompositionTimedOut(CompositionError):
    """A page that didn't fire `load` in time."""

    code = "COMPOSITION_LOAD_TIMEOUT"


class CompositionUnsettled(CompositionError):
    """A page whose frame never became ready (fonts, images, media, `waitUntilStable`)."""

    code = "COMPOSITION_NEVER_SETTLED"


class DialectUnsupported(CompositionError):
    """A page for another system's player; `details` hold what of it nothing honours."""

    code = "DIALECT_UNSUPPORTED"


class DurationUnknown(CompositionError):
    """A page that declares no duration where none was given."""

    code = "DURATION_UNKNOWN"


class AssetMissing(CompositionError):
    """A file that the page asked for and that isn't there; `details` hold the names."""

    code = "ASSET_MISSING"


class MediaUnsupported(CompositionError):
    """A media file that the browser can't play; the hint has a command that converts it."""

    code = "MEDIA_UNSUPPORTED"


class CodecUnavailable(ConfigurationError):
    """A codec that the ffmpeg at hand lacks."""

    code = "CODEC_UNAVAILABLE"


class OutputUnwritable(StorageError):
    """An output that can't be written (permissions, a read-only or missing folder)."""

    code = "OUTPUT_UNWRITABLE"


class DiskFull(StorageError):
    """No space left where the output or temporary files go."""

    code = "DISK_FULL"


class ProgramMissing(ConfigurationError):
    """A program that this needs (a browser, ffmpeg) and that isn't installed."""

    code = "PROGRAM_MISSING"


# --- rendering ------------------------------------------------------------------------------


class BrowserCrashed(RenderError):
    """A browser that died or stopped answering in the middle."""

    code = "BROWSER_CRASHED"
    retryable = True


class EncodeFailed(RenderError):
    """ffmpeg failed to encode; `details` hold the end of its log."""

    code = "ENCODE_FAILED"
    retryable = True


class AudioFailed(RenderError):
    """The sound of a composition couldn't be read or mixed."""

    code = "AUDIO_FAILED"


# --- stitching ------------------------------------------------------------------------------


class ChunkOutputInvalid(RenderError):
    """A chunk's output that is missing, doesn't decode, or isn't what the job spec says."""

    code = "CHUNK_OUTPUT_INVALID"
    retryable = True


class StitchFailed(RenderError):
    """Chunk outputs that couldn't be joined."""

    code = "STITCH_FAILED"


class SeamBroken(RenderError):
    """A stitched video that isn't its chunks one after another, at the boundaries named."""

    code = "SEAM_BROKEN"
    retryable = True


class SeamDiffers(RenderError):
    """A frame that two chunks draw differently, so that their seam can be seen."""

    code = "SEAM_DIFFERS"


# --- storage --------------------------------------------------------------------------------


class StorageInvalid(StorageError):
    """A storage URL that names no place for artifacts, or a key that leaves its folder."""

    code = "STORAGE_INVALID"


class ArtifactNotFound(StorageError):
    """An artifact, a bucket or a folder that isn't there."""

    code = "ARTIFACT_NOT_FOUND"


class ArtifactCorrupt(StorageError):
    """Bytes that aren't those whose digest was recorded: cut short or damaged on their way."""

    code = "ARTIFACT_CORRUPT"
    retryable = True


class AccessDenied(StorageError):
    """Storage or a worker that refuses these credentials, or the lack of any."""

    code = "ACCESS_DENIED"


class StorageUnavailable(StorageError):
    """Storage that didn't answer, or answered that it can't now, after several tries."""

    code = "STORAGE_UNAVAILABLE"
    retryable = True


class ArchiveInvalid(StorageError):
    """An archive, or a folder to pack, with entries that lead outside or that is too large."""

    code = "ARCHIVE_INVALID"


# --- workers --------------------------------------------------------------------------------


class SourceForbidden(WorkerError):
    """A job or asset URL outside the worker's allow-list, or inside a private network."""

    code = "SOURCE_FORBIDDEN"


class PayloadTooLarge(WorkerError):
    """A request, a job spec or an answer past a size limit."""

    code = "PAYLOAD_TOO_LARGE"


class CallerRejected(WorkerError):
    """A request whose identity token is missing, forged, expired or for another audience."""

    code = "CALLER_REJECTED"


class WorkerNotFound(WorkerError):
    """A function or service that isn't deployed where it was looked for."""

    code = "WORKER_NOT_FOUND"


class WorkerThrottled(WorkerError):
    """A worker that takes no more requests now: a concurrency limit or a quota is reached."""

    code = "WORKER_THROTTLED"
    retryable = True


class WorkerUnavailable(WorkerError):
    """A worker that couldn't be reached, or broke the connection off."""

    code = "WORKER_UNAVAILABLE"
    retryable = True


class WorkerCrashed(WorkerError):
    """A worker that died while it worked, or whose code failed outside of the command."""

    code = "WORKER_CRASHED"
    retryable = True


class OutOfMemory(WorkerError):
    """A command or a worker that was ended because memory ran out."""

    code = "OUT_OF_MEMORY"
    retryable = True


class CheckupFailed(ConfigurationError):
    """Something that keeps renders from succeeding, found before one was begun."""

    code = "CHECKUP_FAILED"


class DeploymentFailed(ConfigurationError):
    """A resource in the cloud that couldn't be made, changed or removed as asked."""

    code = "DEPLOYMENT_FAILED"


# --- webhooks -------------------------------------------------------------------------------


class SignatureInvalid(ConfigurationError):
    """A webhook whose signature is missing, wrong or too old."""

    code = "SIGNATURE_INVALID"


class WebhookUndelivered(JobError):
    """A webhook that its receiver didn't take."""

    code = "WEBHOOK_UNDELIVERED"
    retryable = True


_REPORT = re.compile(
    r"^error\[(?P<code>[A-Z_]+)\](?P<retry> \(retryable\))?: (?P<message>.*)"
    r"(?P<details>(?:\n  - .*)*)(?:\n(?P<hint>.+))?",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Report:
    """What a command reported when it ended with an error, and what it had said `before`."""

    code: str
    message: str
    retryable: bool
    details: tuple[str, ...] = ()
    hint: str = ""
    before: str = ""


def report(error: HeliosError) -> str:
    """Return the text that a command writes to stderr when it ends with `error`.

    `parse_report` reads it back on the other side of a process boundary.
    """
    retry = " (retryable)" if error.retryable else ""
    return f"error[{error.code}]{retry}: {error}"


def parse_report(stderr: str) -> Report | None:
    """Find the last report in a command's stderr."""
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
