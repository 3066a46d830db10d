"""A range of frames to render, and its validation."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from helios.errors import OptionInvalid, OutputUnwritable
from helios.output import check_writable
from helios.renderer.browser.network_flags import PROXY_VARIABLE
from helios.renderer.composition import Composition
from helios.renderer.encoding.audio import check_audio_codec
from helios.renderer.encoding.codecs import (
    YUV420_CODECS,
    VideoEncoding,
    check_encoding,
    check_size,
)
from helios.renderer.encoding.image_sequence import split_pattern
from helios.renderer.page import ImageFormat, PageOptions

if TYPE_CHECKING:
    from helios.renderer.recorders.boundary_recorder import BoundaryRecorder
    from helios.renderer.recorders.input_recorder import InputRecorder
    from helios.renderer.recorders.trace_recorder import TraceRecorder

#: Default JPEG quality of captured frames: the loss at 90 is below that of H.264 at CRF 18.
DEFAULT_JPEG_QUALITY = 90


@dataclass(frozen=True, kw_only=True)
class RenderRequest:
    """A range of frames, and the file or folder that they are written to.

    Attributes:
        output: A video file, or a folder (or `%06d` pattern) for images.
        start_frame, frame_count: The range, counted from the start of the timeline.
        jpeg_quality: 0 to 100, for frames that are captured as JPEG.
        concurrency: Number of browsers that render at the same time.
        replay: Visit every frame from 0 on without capturing it; None takes the page's own
            declaration.
        audio_codec: ffmpeg's audio encoder, "" for the container's default, None for no audio.
        inputs: Records the files and hosts that the pictures depend on.
        boundary: Records the last frame and the frame before the first, which is drawn for this
            purpose.
        trace: Records where the time of frames goes, and small pictures.
    """

    composition: Composition
    output: Path
    page: PageOptions
    encoding: VideoEncoding
    start_frame: int = 0
    frame_count: int
    jpeg_quality: int = DEFAULT_JPEG_QUALITY
    concurrency: int = 1
    replay: bool | None = None
    audio_codec: str | None = ""
    inputs: "InputRecorder | None" = None
    boundary: "BoundaryRecorder | None" = None
    trace: "TraceRecorder | None" = None

    @property
    def frames(self) -> range:
        """Numbers of the frames on the timeline."""
        return range(self.start_frame, self.start_frame + self.frame_count)

    @property
    def image(self) -> ImageFormat:
        """Format of captured frames: PNG where the output must be lossless, else JPEG."""
        codec, page = self.encoding.codec, self.page
        lossless = self.encoding.lossless or codec.name in ("png", "prores")
        exact = page.reference or page.transparent or lossless
        return ImageFormat("png") if exact else ImageFormat("jpeg", self.jpeg_quality)

    @property
    def raw_size(self) -> tuple[int, int] | None:
        """Size in pixels of raw frames that may replace JPEG; None where others are needed.

        Raw frames are what encoders of yuv420p take; GIFs and images are made of other colours.
        """
        codec, page = self.encoding.codec, self.page
        if self.image.name != "jpeg" or codec.name not in YUV420_CODECS:
            return None
        return check_size(page.width, page.height, page.scale, codec)

    def check(self) -> None:
        """Validate all options, before any work is done."""
        page, codec = self.page, self.encoding.codec
        if self.frame_count < 1:
            raise OptionInvalid(f"frame count {self.frame_count}: must be at least 1")
        if self.start_frame < 0:
            raise OptionInvalid(f"start frame {self.start_frame}: frames are counted from 0")
        if self.concurrency < 1:
            raise OptionInvalid(f"concurrency {self.concurrency}: must be at least 1")
        if page.reference and self.concurrency > 1:
            raise OptionInvalid(
                f"concurrency {self.concurrency}: a reference is rendered by one browser"
            )
        if self.inputs is not None:
            self._check_recordable()
        check_size(page.width, page.height, page.scale, codec)
        check_encoding(self.encoding, transparent=page.transparent)
        if codec.images:
            self._check_folder()
            return
        if self.audio_codec:
            check_audio_codec(self.audio_codec, self.output.suffix)
        if self.output.is_dir():
            raise OutputUnwritable(f"{self.output}: is a folder", hint="Give a file name.")
        check_writable(self.output)

    def _check_recordable(self) -> None:
        if self.encoding.codec.images:
            raise OptionInvalid("--input-manifest: not available for a sequence of images")
        if self.audio_codec is not None:
            raise OptionInvalid(
                "--input-manifest: audio files are not recorded", hint="Add --no-audio."
            )
        if os.environ.get(PROXY_VARIABLE):
            raise OptionInvalid(f"--input-manifest: not available behind {PROXY_VARIABLE}")

    def _check_folder(self) -> None:
        folder = split_pattern(self.output, "")[0]
        if folder.exists() and not folder.is_dir():
            raise OutputUnwritable(
                f"{folder}: not a folder", hint="Images are written to a folder."
            )
        check_writable((folder if folder.is_dir() else folder.parent) / "images")
