"""Reads a video's encoded frames: positions, times and digests."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from helios.errors import ChunkOutputInvalid, HeliosError
from helios.media.ffmpeg import rendered_input, run_ffmpeg, run_ffprobe
from helios.media.probe import probe
from helios.mp4.reader import read_movie
from helios.mp4.track import NotSpliceable, Track
from helios.records.encoded_ends import (
    END_FRAMES,
    EncodedEnd,
    EncodedEnds,
    frame_digest,
    sizes_digest,
)

#: ffmpeg's filter that makes a thumbnail of 16 x 9 cells of each frame.
THUMBNAIL_FILTER = "scale=16:9:flags=area,format=gray"
_THUMBNAIL_BYTES = 16 * 9


@dataclass(frozen=True)
class EncodedVideo:
    """A video file's frames, in decoding order unless noted otherwise.

    Attributes:
        shown_at: Presentation times in ticks from the first frame, in presentation order.
        timescale: Ticks per second.
        rounding: Precision of the container's times in ticks.
        keyframes: Positions of the keyframes; None if every frame is a keyframe.
        spans: Offset and size of each frame in bytes; offsets are None for containers read by
            ffprobe.
        digests: Digest of each frame, for containers read by ffprobe.
    """

    path: Path
    shown_at: Sequence[int]
    timescale: int
    rounding: int
    keyframes: Sequence[int] | None
    spans: Sequence[tuple[int | None, int]]
    digests: Sequence[str] = ()
    track: Track | None = None

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return len(self.spans)

    def sizes_digest(self, frames: range) -> str:
        """Return the digest of the sizes of some frames."""
        return sizes_digest([size for _, size in self.spans[frames.start : frames.stop]])

    def frame_digests(self, positions: Sequence[int]) -> list[str]:
        """Return the digests of some frames."""
        if self.digests:
            return [self.digests[position] for position in positions]
        try:
            with self.path.open("rb") as file:
                found = []
                for position in positions:
                    offset, size = self.spans[position]
                    file.seek(offset or 0)
                    found.append(frame_digest(file.read(size)))
                return found
        except OSError as fault:
            raise ChunkOutputInvalid(f"{self.path} can't be read: {fault.strerror}") from fault

    def ends(self, *, first: Sequence[str], last: Sequence[str]) -> EncodedEnds:
        """Return the digests of its first and last frames, with their thumbnails, if known."""
        count = min(END_FRAMES, self.frame_count)
        head, tail = range(count), range(self.frame_count - count, self.frame_count)
        return EncodedEnds(
            first=EncodedEnd(encoded=self.frame_digests(head), thumbnails=list(first)),
            last=EncodedEnd(encoded=self.frame_digests(tail), thumbnails=list(last)),
            sizes=self.sizes_digest(range(self.frame_count)),
        )


async def read_video(path: Path) -> EncodedVideo:
    """Read a video's frames from the index of an MP4 file, or from all packets of other files.

    Raises `ChunkOutputInvalid` if the file is missing or damaged, or contains no video.
    """
    try:
        track = read_movie(path).track("vide")
    except NotSpliceable:
        return await _probed(path)
    if track is None or track.sample_count == 0:
        raise ChunkOutputInvalid(f"{path} holds no video")
    return of_track(path, track)


def of_track(path: Path, track: Track) -> EncodedVideo:
    """Return the frames of an MP4 file's track."""
    times = sorted(track.shown_at())
    return EncodedVideo(
        path=path,
        shown_at=[time - times[0] for time in times],
        timescale=track.timescale,
        rounding=0,
        keyframes=track.keyframes,
        spans=list(track.samples()),
        track=track,
    )


async def _probed(path: Path) -> EncodedVideo:
    wanted = ["-show_entries", "packet=pts,size,flags,data_hash", "-show_data_hash", "sha256"]
    rows = await run_ffprobe(
        ["-select_streams", "v:0", *wanted, "-of", "csv=p=0:s=,", *rendered_input(path)],
        error=ChunkOutputInvalid,
        message=f"{path} is missing or not a media file",
    )
    packets = [row[:4] for row in csv.reader(rows.decode().splitlines()) if len(row) >= 4]
    info = await probe(path, packets=False, rendered=True)
    if info.video is None or not packets:
        raise ChunkOutputInvalid(f"{path} holds no video")
    times = sorted(int(pts) for pts, *_ in packets if pts.lstrip("-").isdigit())
    base = info.video.time_base or Fraction(1, 1000)
    keyframes = [n for n, packet in enumerate(packets) if packet[2].startswith("K")]
    return EncodedVideo(
        path=path,
        shown_at=[(time - times[0]) * base.numerator for time in times],
        timescale=base.denominator,
        rounding=base.numerator,
        keyframes=None if len(keyframes) == len(packets) else keyframes,
        spans=[(None, int(size)) for _, size, *_ in packets],
        digests=[row[3].rpartition(":")[2][:16] for row in packets],
    )


async def thumbnails(
    path: Path,
    *,
    frames: str = "",
    before: Sequence[str] = (),
    after: Sequence[str] = (),
    error: type[HeliosError] = ChunkOutputInvalid,
    message: str = "it doesn't decode",
) -> list[str]:
    """Decode a video and return thumbnails of frames in presentation order.

    `frames` is an expression of ffmpeg's `select` filter, by default for all frames; `before` and
    `after` are ffmpeg's options before and after the input. Raises `error` if the video doesn't
    decode.
    """
    choice = f"select='{frames}'," if frames else ""
    *opened, address = rendered_input(path)
    cells = await run_ffmpeg(
        [
            *("-xerror", *before, *opened, "-i", address, "-map", "0:v:0", *after),
            *("-fps_mode", "passthrough", "-vf", choice + THUMBNAIL_FILTER),
            *("-f", "rawvideo", "pipe:1"),
        ],
        error=error,
        message=message,
    )
    starts = range(0, len(cells), _THUMBNAIL_BYTES)
    return [cells[start : start + _THUMBNAIL_BYTES].hex() for start in starts]
