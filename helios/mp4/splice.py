"""Joins MP4 and QuickTime files by their indexes (ISO/IEC 14496-12).

The kernel copies the samples unchanged; only the index is new. This takes about as long as copying
the files, puts the index before the samples ("fast start") without a second pass, and counts time
in whole frames, so that nothing is rounded at a seam.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from helios.concurrency import CancelToken
from helios.mp4.boxes import MAX_U32, box, mdat_header, movie_header
from helios.mp4.compatibility import sample_entry, video_tracks
from helios.mp4.index import FrameTiming, audio_track, file_type, video_track
from helios.mp4.sample_runs import SampleRun, audio_runs, copy_runs, video_runs
from helios.mp4.track import Movie, NotSpliceable, Track

#: Largest size of index and headers in a file with 32-bit offsets.
_INDEX_BYTES = 64 * 1024 * 1024


def splice(
    movies: Sequence[Movie],
    *,
    audio: Movie | None,
    output: Path,
    quicktime: bool,
    full_range: bool = False,
    token: CancelToken | None = None,
) -> None:
    """Write one movie that consists of `movies` one after another.

    Raises `ChunkOutputInvalid` if an input differs in kind from the others, or doesn't start with a
    keyframe, and `NotSpliceable` if the inputs can't be joined by their indexes.

    Args:
        movies: Inputs; their video is joined, their audio is dropped.
        audio: Movie with the audio of the output, of the same family (MP4 or QuickTime).
        output: File to write.
        quicktime: Whether to write QuickTime (.mov) instead of MP4.
        full_range: Whether colours use the full range, if the inputs' family doesn't record it.
        token: Cancels the call.
    """
    tracks = video_tracks(movies)
    timing = FrameTiming.of(tracks)
    entry = sample_entry(
        tracks[0], source=movies[0].quicktime, target=quicktime, full_range=full_range
    )
    runs = video_runs(movies, tracks, rate=timing.rate)
    sound = audio.track("soun") if audio else None
    if audio and sound:
        runs += audio_runs(audio.path, sound)
    runs.sort(key=lambda run: (run.time, run.audio))
    _write(
        output,
        runs,
        index=lambda offsets: _moov(
            tracks,
            entry=entry,
            timing=timing,
            sound=sound,
            sound_clock=audio.timescale if audio else 1,
            runs=runs,
            offsets=offsets,
            quicktime=quicktime,
        ),
        ftyp=file_type(quicktime=quicktime, codec=tracks[0].codec),
        token=token or CancelToken(),
    )


def whole_file_head(
    movies: Sequence[Movie],
    *,
    sizes: Sequence[int],
    quicktime: bool,
    audio: Movie | None = None,
    audio_bytes: int = 0,
) -> bytes:
    """Return an index and a box header that make one movie of the whole files appended to them.

    The files' own headers and indexes stay between the frames, unreferenced.

    Raises `ChunkOutputInvalid` if a file differs in kind from the others, or doesn't start with a
    keyframe, and `NotSpliceable` if the files can't be joined by their indexes, or contain audio,
    which has to be encoded again.

    Args:
        movies: The files; their video is joined.
        sizes: Size of each file in bytes.
        quicktime: Whether to make QuickTime (.mov) instead of MP4.
        audio, audio_bytes: Movie with the audio of the output, of the same family. Its file comes
            first.
    """
    if any(movie.track("soun") for movie in movies):
        raise NotSpliceable("they contain audio")
    tracks = video_tracks(movies)
    timing = FrameTiming.of(tracks)
    source = movies[0].quicktime
    if source and not quicktime:
        raise NotSpliceable("their colour range isn't recorded in the index")
    entry = sample_entry(tracks[0], source=source, target=quicktime, full_range=False)
    runs = list(_runs_in_files(tracks, accumulate(sizes, initial=audio_bytes)))
    sound = audio.track("soun") if audio else None
    sound_runs = list(_runs_in_files([sound], [0])) if sound else []
    total = audio_bytes + sum(sizes)
    wide = total > MAX_U32 - _INDEX_BYTES

    def index(base: int) -> bytes:
        movie = movie_header(timing.timescale, timing.ticks, track_count=2 if sound else 1)
        placed = [(count, base + at) for count, at in runs]
        movie += video_track(
            tracks, entry=entry, timing=timing, runs=placed, quicktime=quicktime, wide=wide
        )
        if audio and sound:
            placed = [(count, base + at) for count, at in sound_runs]
            clock = audio.timescale
            movie += audio_track(sound, clock=clock, timing=timing, runs=placed, wide=wide)
        return box(b"moov", movie)

    ftyp, mdat = file_type(quicktime=quicktime, codec=tracks[0].codec), mdat_header(total)
    # The index's size depends on the width of its offsets, not on their values.
    return ftyp + index(len(ftyp) + len(index(0)) + len(mdat)) + mdat


def _runs_in_files(tracks: Sequence[Track], starts: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the number of frames, and the offset, of each run of contiguous frames."""
    for track, start in zip(tracks, starts, strict=False):
        count, first, end = 0, 0, -1
        for offset, size in track.samples():
            if offset != end:
                if count:
                    yield count, start + first
                count, first = 0, offset
            count += 1
            end = offset + size
        yield count, start + first


def _moov(
    tracks: Sequence[Track],
    *,
    entry: bytes,
    timing: FrameTiming,
    sound: Track | None,
    sound_clock: int,
    runs: Sequence[SampleRun],
    offsets: Sequence[int],
    quicktime: bool,
) -> bytes:
    wide = sum(run.length for run in runs) > MAX_U32 - _INDEX_BYTES
    video_runs = [(run.samples, at) for run, at in zip(runs, offsets, strict=True) if not run.audio]
    movie = movie_header(timing.timescale, timing.ticks, track_count=2 if sound else 1)
    movie += video_track(
        tracks, entry=entry, timing=timing, runs=video_runs, quicktime=quicktime, wide=wide
    )
    if sound:
        sound_runs = [(run.samples, at) for run, at in zip(runs, offsets, strict=True) if run.audio]
        movie += audio_track(sound, clock=sound_clock, timing=timing, runs=sound_runs, wide=wide)
    return box(b"moov", movie)


def _write(
    output: Path,
    runs: Sequence[SampleRun],
    *,
    index: Callable[[Sequence[int]], bytes],
    ftyp: bytes,
    token: CancelToken,
) -> None:
    ends = list(accumulate((run.length for run in runs), initial=0))
    starts, mdat = ends[:-1], mdat_header(ends[-1])
    # The index's size depends on the width of its offsets, not on their values.
    base = len(ftyp) + len(mdat) + len(index(starts))
    head = ftyp + index([base + start for start in starts]) + mdat
    if len(head) != base:
        raise NotSpliceable("its index changes its size")
    with output.open("wb", buffering=0) as target:
        target.write(head)
        copy_runs(runs, target.fileno(), token=token)
