"""Small pictures of some of a chunk's frames, made by the encoder's process."""

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from helios.media.ffmpeg import file_url

#: Longest side in pixels.
MAX_SIDE = 160
# ffmpeg's scale from 2, the best, to 31.
_QUALITY = 7


@dataclass(frozen=True)
class FramePictures:
    """Where small pictures are written: at most `count`, evenly over `frame_count` frames.

    A picture's name is the frame's number, counted from the first frame that is encoded.
    """

    folder: Path
    frame_count: int
    count: int

    def arguments(self, rate: Fraction) -> list[str]:
        """Return ffmpeg's arguments for another output of the decoded frames.

        They are decoded for the video anyway; only the chosen ones are scaled.
        """
        step = math.ceil(self.frame_count / self.count)
        seconds = float((step - Fraction(1, 2)) / rate)
        # Frames that repeat the one before may be missing from the input.
        chosen = f"select='isnan(prev_selected_t)+gte(t-prev_selected_t,{seconds:.6f})'"
        fitted = f"scale={MAX_SIDE}:{MAX_SIDE}:force_original_aspect_ratio=decrease:flags=bilinear"
        fitted += ":out_color_matrix=bt601"  # as JPEG files have it
        numbered = f"settb={1 / rate}"
        return [
            *("-vf", f"{chosen},{fitted},format=yuvj420p,{numbered}", "-fps_mode", "passthrough"),
            *("-enc_time_base", str(1 / rate), "-c:v", "mjpeg", "-q:v", str(_QUALITY)),
            *("-threads", "1", "-an", "-f", "image2", "-frame_pts", "1", "-atomic_writing", "1"),
            # The format takes every % of a name for a number.
            file_url(f"{str(self.folder).replace('%', '%%')}/%d.jpg"),
        ]
