"""Errors of rendering, encoding and joining."""

from helios.errors.base import HeliosError


class RenderError(HeliosError):
    """Failed rendering, encoding or joining."""


class CommandFailed(RenderError, code="COMMAND_FAILED", retryable=True):
    """The command ended with an exit status other than 0 and without an error report."""


class CommandTimedOut(RenderError, code="TIMEOUT", retryable=True):
    """The command exceeded its time limit and was ended."""


class MergeFailed(RenderError, code="MERGE_FAILED", retryable=True):
    """All chunks of the job exist, but its merge command failed."""


class BrowserCrashed(RenderError, code="BROWSER_CRASHED", retryable=True):
    """The browser ended or stopped answering."""


class EncodeFailed(RenderError, code="ENCODE_FAILED", retryable=True):
    """ffmpeg failed to encode; `details` hold the end of its log."""


class AudioFailed(RenderError, code="AUDIO_FAILED"):
    """The audio of a composition couldn't be read or mixed."""


class ChunkOutputInvalid(RenderError, code="CHUNK_OUTPUT_INVALID", retryable=True):
    """A chunk's output is missing, doesn't decode, or contradicts the job spec."""


class StitchFailed(RenderError, code="STITCH_FAILED"):
    """Chunk outputs couldn't be joined."""


class SeamBroken(RenderError, code="SEAM_BROKEN", retryable=True):
    """The stitched video differs from its chunks at the named boundaries."""


class SeamDiffers(RenderError, code="SEAM_DIFFERS"):
    """Two chunks draw the frame at their seam differently."""
