"""Flags that describe a render: timeline, picture, sound, encoding and chunks."""

from orchestrator.cli.options import flags
from orchestrator.cli.options.flag_groups import Keywords, settings


@settings("duration", "frames", "fps", heading=flags.TIMING)
class Timing(Keywords):
    """Length and rate of the timeline."""


@settings("audio", heading=flags.SOUND)
class Sound(Keywords):
    """Whether the sound is rendered."""


@settings(
    *("width", "height", "root", "dialect", "composition_id", "scale", "props", "seed"),
    *("timezone", "locale", "replay"),
    *("transparent", "allow_missing", "timeout"),
    heading=flags.PICTURE,
)
class Page(Keywords):
    """The page, and its picture."""


@settings("reference", heading=flags.PICTURE)
class Picture(Page):
    """The page, and how its frames are drawn."""


@settings("codec", "quality", "crf", "preset", "jpeg_quality", heading=flags.ENCODING)
class Encoding(Keywords):
    """The encoding of frames."""


@settings("chunks", "frames_per_chunk", heading=flags.CHUNKS)
class Cut(Keywords):
    """The number of chunks."""


@settings("seam_check", heading=flags.CHUNKS)
class Seams(Keywords):
    """The check of seams."""


@settings("incremental", heading=flags.CHUNKS)
class Incremental(Keywords):
    """Whether chunks of the last render are kept."""


@settings("job_dir", unset=".batch, beside the videos", heading=flags.OUTPUT)
class BatchFolder(Keywords):
    """The folder for the batch's record and the chunks of its rows."""


@settings("format", "job_dir", "keep", heading=flags.OUTPUT)
class Files(Keywords):
    """The format of the output, and the job's folder."""


@settings("jpeg_quality", heading=flags.PICTURE)
class Capture(Keywords):
    """How frames are captured that aren't encoded."""


@settings("fps", "jpeg_quality", "retries", "max_cost", "presign", "job_store")
class Still(Keywords):
    """Settings of one frame beside its page."""
