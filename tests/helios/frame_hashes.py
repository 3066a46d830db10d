"""Digests of a video's decoded frames."""

from pathlib import Path

from helios.errors import ChunkOutputInvalid, HeliosError
from helios.media.ffmpeg import file_url, run_ffmpeg


async def frame_hashes(
    path: Path | str, *, error: type[HeliosError] = ChunkOutputInvalid
) -> list[str]:
    """Decode a video and return one digest a frame, in order of presentation.

    Two files show the same pictures if and only if these are equal.

    Args:
        path: The file.
        error: Class to raise if the video doesn't decode.
    """
    listing = await run_ffmpeg(
        [
            *("-xerror", "-i", file_url(path), "-map", "0:v:0", "-fps_mode", "passthrough"),
            *("-f", "framehash", "-hash", "md5", "pipe:1"),
        ],
        error=error,
        message=f"{path} doesn't decode",
    )
    rows = listing.decode().splitlines()
    return [row.rpartition(",")[2].strip() for row in rows if not row.startswith("#")]
