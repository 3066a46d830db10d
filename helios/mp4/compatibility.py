"""Checks that movies can follow one another, and converts their sample entries."""

from collections.abc import Sequence

from helios.errors import ChunkOutputInvalid
from helios.mp4.boxes import VISUAL_ENTRY_BYTES, box, boxes
from helios.mp4.track import Movie, NotSpliceable, Track

#: Codecs with the same decoder configuration in MP4 and in QuickTime files.
_SHARED_CODECS = frozenset({"avc1", "avc3", "hvc1", "hev1", "mp4v", "av01", "vp09"})


def _video(movie: Movie) -> Track:
    track = movie.video()
    if track.keyframes is not None and 0 not in track.keyframes:
        raise ChunkOutputInvalid(f"{movie.path} doesn't start with a keyframe")
    return track


def video_tracks(movies: Sequence[Movie]) -> list[Track]:
    """Return the video tracks of movies that can follow one another.

    Raises `ChunkOutputInvalid` if one has no video, doesn't start with a keyframe, or differs in
    kind from the others.
    """
    tracks = [_video(movie) for movie in movies]
    _check_alike(movies, tracks)
    return tracks


def _check_alike(movies: Sequence[Movie], tracks: Sequence[Track]) -> None:
    first = tracks[0]
    rate = next((track.frame_rate for track in tracks if track.frame_rate), None)
    faults = []
    for movie, track in zip(movies, tracks, strict=True):
        difference = difference_between(track, first)
        if track.frame_rate not in (None, rate):
            difference = f"it runs at {track.frame_rate} in place of {rate} frames a second"
        if difference:
            faults.append(f"{movie.path}: {difference}")
    if faults:
        raise ChunkOutputInvalid(
            f"inputs differ from the first one, {movies[0].path}",
            hint="Render all chunks with the same size, frame rate, codec and quality.",
            details=faults,
        )


def difference_between(track: Track, first: Track) -> str:
    """Describe how a video differs in kind from the first one; empty if it doesn't."""
    if track.codec != first.codec:
        return f"its codec is {track.codec} in place of {first.codec}"
    if track.size != first.size:
        width, height = track.size
        return f"it is {width}x{height} in place of {first.size[0]}x{first.size[1]}"
    if track.sample_entry != first.sample_entry:
        return f"its {track.codec} parameters (profile, level, colours) are not the same"
    return ""


def sample_entry(track: Track, *, source: bool, target: bool, full_range: bool) -> bytes:
    """Return the sample entry in the form of the output's family (QuickTime or MP4)."""
    if source == target:
        return track.sample_entry
    if track.codec not in _SHARED_CODECS:
        raise NotSpliceable(f"{track.codec} can't move between .mov and .mp4")
    head = bytearray(track.sample_entry[8:VISUAL_ENTRY_BYTES])
    head[8:24] = bytes(16)
    inner = b""
    for name, payload in boxes(memoryview(track.sample_entry)[VISUAL_ENTRY_BYTES:]):
        if name in (b"fiel", b"gama"):
            continue
        data = bytes(payload)
        if name == b"colr" and data[:4] == b"nclc" and not target:
            data = b"nclx" + data[4:10] + (b"\x80" if full_range else b"\x00")
        elif name == b"colr" and data[:4] == b"nclx" and target:
            data = b"nclc" + data[4:10]
        inner += box(name, data)
    return box(track.codec.encode("latin-1"), bytes(head) + inner)
