"""Reads single frames of videos."""

from fractions import Fraction
from pathlib import Path

from helios.errors import HeliosError
from helios.media.ffmpeg import rendered_input, run_ffmpeg


async def frame_jpeg(
    video: Path, frame: int, *, rate: Fraction | float, side: int | None = None
) -> bytes:
    """Return a frame of a video as JPEG file.

    Args:
        rate: Frames per second of the video.
        side: Length of the longer side in pixels, for a small file; by default the picture has the
            size of the video, and high quality.

    Raises:
        ProgramMissing: ffmpeg isn't installed.
        HeliosError: The video has no such frame, or can't be read.
    """
    # Half a frame before, so that rounding can't lead to the frame after.
    seconds = max(0.0, (frame - 0.5) / float(rate))
    fitted = "" if side is None else f"{side}:{side}:force_original_aspect_ratio=decrease:"
    kind, quality = ("yuvj444p", "2") if side is None else ("yuvj420p", "5")
    # JPEG files are in full range by BT.601, whatever the video is in.
    colours = f"scale={fitted}out_color_matrix=bt601:out_range=full,format={kind}"
    message = f"{video}: frame {frame} can't be read"
    *opened, address = rendered_input(video)
    data = await run_ffmpeg(
        [
            *("-ss", f"{seconds:.6f}", *opened, "-i", address, "-frames:v", "1", "-an"),
            *("-vf", colours, "-c:v", "mjpeg", "-q:v", quality, "-f", "image2pipe", "pipe:1"),
        ],
        error=HeliosError,
        message=message,
    )
    if not data:
        raise HeliosError(message)
    return data
