"""Kinds of outputs, by name and codec: a playlist, one chunk, or a folder of images."""

from pathlib import Path

from helios.contract.job_spec import JobSpec
from helios.errors import OptionInvalid
from helios.records.job_layout import is_packed
from helios.renderer.encoding.codecs import choose_codec

#: Codecs that players of playlists support.
PLAYLIST_CODECS = frozenset({"h264", "h265"})
#: Codecs whose outputs can't be stitched from parts without encoding again.
_WHOLE_CODECS = frozenset({"gif", "png", "jpeg"})


def is_playlist(name: str) -> bool:
    """Tell whether an output is a playlist (HLS)."""
    return Path(name).suffix.lower() == ".m3u8"


def encoded_name(name: str) -> str:
    """Return a name for what is encoded: a playlist's segments are made of MP4 files."""
    return str(Path(name).with_suffix(".mp4")) if is_playlist(name) else name


def is_whole(name: str, codec: str | None) -> bool:
    """Tell whether an output has to be rendered as one chunk: a GIF, or a sequence of images."""
    suffix = Path(name).suffix.lower()
    return codec in _WHOLE_CODECS or suffix in ("", ".gif", ".png", ".jpg", ".jpeg")


def is_sequence(name: str, codec: str | None) -> bool:
    """Tell whether an output is a folder of numbered images."""
    return is_whole(name, codec) and choose_codec(Path(name), codec).images


def check_still(name: str) -> None:
    """Refuse an output of one frame that isn't named as an image.

    Raises `OptionInvalid`.
    """
    if Path(name).suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise OptionInvalid(
            f"output {name!r}: a still is a .png, .jpg or .jpeg file", hint="Name it so."
        )


def makes_images(spec: JobSpec) -> bool:
    """Tell whether the result of a job without merge is a folder of numbered images."""
    return not spec.merge_command.strip() and len(spec.chunks) == 1 and is_packed(spec.chunks[0])
