"""A simulation of renders on many workers: times and costs."""

import heapq
import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.cost import AwsWorkers, GoogleWorkers, Usage, cost_of
from orchestrator.cost.forecast import merge_seconds

FPS = 30
#: Minimum number of frames of a chunk, as a chunk's start takes as long as some frames.
FEWEST_FRAMES = 10
#: Maximum share of a function's time limit that a chunk is planned to take.
SHARE_OF_LIMIT = 0.5
#: Variation of chunks: the standard deviation of the logarithm of their pace.
SPREAD = 0.15
#: Bytes of an encoded frame: 4.8 Mbit/s.
BYTES_A_FRAME = 20e3
SEED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Limits of a cloud, known and assumed.

    Attributes:
        name: Its name in tables.
        time_limit: Time limit of a chunk and of a merge, in seconds.
        disk: Bytes of disk for a merge: all chunks, and the video.
        most_chunks: Maximum number of chunks of a render.
        at_once, more_a_second: New workers at once, and in each second after that.
        chunks_a_second: Chunks per second that its engine starts.
        start_seconds: Seconds until a requested worker runs; an assumption.
        workers: Properties of its workers for prices.
    """

    name: str
    time_limit: float
    disk: float
    most_chunks: int
    at_once: int
    more_a_second: float
    chunks_a_second: float
    start_seconds: float
    workers: AwsWorkers | GoogleWorkers


#: Limits of November 2026: "Lambda scaling behavior" and "Lambda quotas" (1,000 environments in 10
#: seconds for each function; 900 seconds), "Step Functions service quotas" (10,000 children of a
#: Distributed Map at once; 5,000 state transitions a second in the large regions, of which a chunk
#: takes three).
LAMBDA = Platform(
    name="AWS Lambda",
    time_limit=900,
    disk=10 * 2**30,
    most_chunks=10_000,
    at_once=1_000,
    more_a_second=100,
    chunks_a_second=5_000 / 3,
    start_seconds=2.0,
    workers=AwsWorkers(),
)
#: "Cloud Run quotas and limits": 10,000 tasks of a job, 24 hours for one. The rate of
#: starting tasks isn't published: a hundred at once and ten per second are a cautious assumption.
CLOUD_RUN = Platform(
    name="Cloud Run jobs",
    time_limit=86_400,
    # Files are in memory; a quarter of it is left for programs.
    disk=3 * 2**30,
    most_chunks=10_000,
    at_once=100,
    more_a_second=10,
    chunks_a_second=math.inf,
    start_seconds=10.0,
    workers=GoogleWorkers(),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Figures of `make bench` on one machine, in seconds.

    Attributes:
        frame: Time of a frame in one browser.
        cold, warm: Time until the first frame of a new worker, and of one that has rendered before.
    """

    frame: float
    cold: float
    warm: float

    @classmethod
    def from_results(cls, results: dict[str, Any], *, scene: str) -> "Measured":
        """Read them from the results of `benchmarks/run.py`."""
        [rendered] = (
            row for row in results["render"] if row["scene"] == scene and row["concurrency"] == 1
        )
        [parts] = (row for row in results["coldStart"] if row["worker"] == "Lambda")
        # Of the whole process: its start is counted twice, which is cautious.
        return cls(
            frame=1 / rendered["oursFps"],
            cold=parts["total"],
            warm=parts["total"] - parts["import"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Render:
    """A simulated render: its plan, its seconds and its price in US dollars."""

    platform: str
    video_seconds: float
    workers: int
    chunks: int
    chunks_done: float
    merged: float | None
    dollars: float

    @property
    def seconds(self) -> float:
        """Seconds until the video; until the last chunk if one worker can't stitch them."""
        return self.chunks_done + (self.merged or 0.0)


def simulate(video_seconds: float, workers: int, platform: Platform, measured: Measured) -> Render:
    """Simulate one detached render.

    Args:
        video_seconds: Length of the video, at 30 frames a second.
        workers: Number of concurrent workers.
    """
    chance = random.Random(SEED)
    frames = round(video_seconds * FPS)
    lengths = plan(frames, workers, platform, measured)
    seconds = [
        count * measured.frame * chance.lognormvariate(-(SPREAD**2) / 2, SPREAD)
        for count in lengths
    ]
    ends, busy = _work(seconds, workers, platform, measured)
    size = round(frames * BYTES_A_FRAME)
    merge = merge_seconds(size)
    usage = Usage(
        chunks=len(lengths),
        # A task of a job renders its share of the chunks, a function renders one.
        invocations=min(workers, len(lengths)) if platform is CLOUD_RUN else len(lengths),
        chunk_seconds=busy,
        merge_seconds=merge,
        chunk_bytes=size,
        output_bytes=size,
    )
    return Render(
        platform=platform.name,
        video_seconds=video_seconds,
        workers=workers,
        chunks=len(lengths),
        chunks_done=max(ends),
        merged=merge if merge < platform.time_limit and 2 * size < platform.disk else None,
        dollars=cost_of(usage, platform.workers).dollars,
    )


def plan(frames: int, workers: int, platform: Platform, measured: Measured) -> Sequence[int]:
    """Return the number of frames of each chunk: one per worker, more for short time limits."""
    most = math.floor(platform.time_limit * SHARE_OF_LIMIT / measured.frame)
    # The number of rounds follows from the time limit; in each, all workers have a chunk.
    wanted = workers * math.ceil(frames / most / workers)
    count = max(1, min(wanted, platform.most_chunks, frames // FEWEST_FRAMES))
    base, longer = divmod(frames, count)
    return [base + (number < longer) for number in range(count)]


def _work(
    seconds: Iterable[float], workers: int, platform: Platform, measured: Measured
) -> tuple[list[float], float]:
    """Assign each chunk to the next free worker; return end times, and the sum of busy seconds."""
    # The time at which each worker is free, and the number of its chunks.
    free = [
        (platform.start_seconds + max(0.0, (number - platform.at_once) / platform.more_a_second), 0)
        for number in range(workers)
    ]
    heapq.heapify(free)
    ends, busy = [], 0.0
    for number, drawing in enumerate(seconds):
        ready, done = heapq.heappop(free)
        asked = number / platform.chunks_a_second
        if not done:
            asked += platform.start_seconds
        took = drawing + (measured.warm if done else measured.cold)
        end = max(ready, asked) + took
        busy += took
        ends.append(end)
        heapq.heappush(free, (end, done + 1))
    return ends, busy
