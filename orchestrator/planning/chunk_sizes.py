"""Into how many chunks a timeline is cut, and where."""

from dataclasses import dataclass, replace
from itertools import pairwise

from helios.errors import OptionInvalid

#: Default maximum of frames in a chunk: at a dozen frames a second, a process's death costs some
#: forty seconds of work. Each further chunk costs about 1.5 s of processor time.
MAX_CHUNK_FRAMES = 480
#: The same for remote workers, and for playlists, of which each chunk is a segment.
MAX_REMOTE_CHUNK_FRAMES = 240
#: Default minimum of frames in a chunk; with fewer, starting costs more than it saves.
MIN_CHUNK_FRAMES = 30
#: The same for remote workers, where another one costs only its start.
MIN_REMOTE_CHUNK_FRAMES = 20
#: Default number of frames in a chunk of an incremental render: starting a chunk for a small
#: change costs about as much as these frames.
INCREMENTAL_CHUNK_FRAMES = 60
#: Limit of browsers that share one chunk by default: one process encodes all of their frames.
MAX_SHARING_BROWSERS = 4
#: Chunks that a job may have; the merge command has to name each of them.
MAX_CHUNKS = 10_000


@dataclass(frozen=True, kw_only=True)
class ChunkSizes:
    """Into how many chunks a timeline is cut."""

    #: Either decides; with neither, the number follows from length and `concurrency`.
    chunks: int | None = None
    frames_per_chunk: int | None = None
    #: Chunks that will run at the same time.
    concurrency: int = 1
    #: Frames in a chunk at least, if neither decides.
    least_frames: int = MIN_CHUNK_FRAMES
    #: Frames in a chunk at most, if neither decides.
    most_frames: int = MAX_CHUNK_FRAMES
    #: Whether all chunks but the last have exactly `frames_per_chunk`: the cuts of a timeline that
    #: becomes longer then stay where they are.
    steady: bool = False
    #: Browsers that share the work of an output that is one chunk; by default as many as chunks
    #: would run at the same time.
    browsers: int | None = None
    #: Whether a timeline that fits into one chunk is not cut, if neither decides: its browsers
    #: share the work, which saves a process and an encoder for each further chunk.
    shared: bool = False

    def __post_init__(self) -> None:
        if self.chunks is not None and self.frames_per_chunk is not None:
            raise OptionInvalid("`chunks` and `frames_per_chunk`: give one of them")
        for name, value in (
            ("`chunks`", self.chunks),
            ("`frames_per_chunk`", self.frames_per_chunk),
            ("`concurrency`", self.concurrency),
        ):
            if value is not None and value < 1:
                raise OptionInvalid(f"{name} {value}: is less than 1")

    def undivided(self) -> "ChunkSizes":
        """Return the same with one chunk, rendered by one browser."""
        if self.frames_per_chunk is not None or self.chunks not in (None, 1):
            raise OptionInvalid("`reference`: renders one chunk", hint="Leave out `chunks`.")
        return replace(self, chunks=1, browsers=1)

    def cut(self, frame_count: int) -> list[range]:
        """Return the frames of each chunk; unless steady, sizes differ by one frame at most."""
        count = self._count(frame_count)
        if self.steady and self.frames_per_chunk is not None:
            edges = [*range(0, frame_count, self.frames_per_chunk), frame_count]
        else:
            edges = [frame_count * number // count for number in range(count + 1)]
        return [range(start, end) for start, end in pairwise(edges)]

    def sharing_browsers(self, frame_count: int) -> int:
        """Return the number of browsers that share each chunk of a timeline."""
        most = max(1, frame_count // self.least_frames)
        return min(self.concurrency, most) if self._is_shared(frame_count) else 1

    def _is_shared(self, frame_count: int) -> bool:
        decided = self.chunks is not None or self.frames_per_chunk is not None
        fits = frame_count <= self.most_frames and self.concurrency <= MAX_SHARING_BROWSERS
        return self.shared and fits and not decided

    def _count(self, frame_count: int) -> int:
        if self.chunks is not None:
            count = min(self.chunks, frame_count)
        elif self.frames_per_chunk is not None:
            count = -(-frame_count // self.frames_per_chunk)
        else:
            count = self._balanced(frame_count)
        if count > MAX_CHUNKS:
            raise OptionInvalid(
                f"{count} chunks: a job has {MAX_CHUNKS} at most", hint="Make chunks longer."
            )
        return count

    def _balanced(self, frame_count: int) -> int:
        """Return a number of chunks that keeps all workers busy to the end."""
        if self._is_shared(frame_count):
            return 1
        rounds = -(-frame_count // (self.concurrency * self.most_frames))
        most = max(1, frame_count // self.least_frames)
        return min(self.concurrency * rounds, most)
