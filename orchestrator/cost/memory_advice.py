"""What a render costs and how long it takes by the memory of its Lambda function.

Lambda gives a function processor time in proportion to its memory: one CPU at 1,769 MB, according
to AWS's documentation on configuring a function's memory. Some of a frame's work runs on one core
only, so the time of a frame on each number of CPUs follows from samples on one core and on all.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from helios.contract.job_spec import JobSpec
from helios.errors import OptionInvalid
from orchestrator.cost.cost import AwsWorkers, cost_of
from orchestrator.cost.forecast import Pace, expected_seconds, expected_usage

#: Memory of a function, in MB, for which it gets one CPU.
MB_A_CPU = 1769
#: Sizes in MB that are compared: one CPU, what new accounts are limited to, then whole CPUs.
SIZES = (1769, 3008, 3538, 5307, 7076, 8845, 10240)


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """The pace of a composition on one core, and on a number of cores."""

    one: Pace
    several: Pace
    cores: int

    def at(self, cpus: float) -> Pace:
        """Return the pace that follows for a number of CPUs, of one or more."""
        return replace(
            self.several,
            seconds_a_frame=self._divided(
                self.one.seconds_a_frame, self.several.seconds_a_frame, cpus
            ),
            start_seconds=self._divided(self.one.start_seconds, self.several.start_seconds, cpus),
            source=f"samples on 1 and {self.cores} cores of this machine",
        )

    def _divided(self, one: float, several: float, cpus: float) -> float:
        """Divide the part that runs on all cores, by Amdahl's law."""
        shared = min(one, max(0.0, one - several) / (1 - 1 / self.cores))
        return one - shared + shared / cpus


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryChoice:
    """A size of a function: its memory in MB, and what the render takes and costs with it."""

    memory: int
    cpus: float
    seconds_a_frame: float
    seconds: float
    dollars: float


def memory_choices(
    spec: JobSpec, samples: Samples, workers: AwsWorkers, *, concurrency: int
) -> Sequence[MemoryChoice]:
    """Return what a render would take and cost with each size of the chunk function."""
    choices = []
    for memory in SIZES:
        cpus = memory / MB_A_CPU
        pace = samples.at(cpus)
        sized = replace(workers, chunk_memory=memory)
        choices.append(
            MemoryChoice(
                memory=memory,
                cpus=cpus,
                seconds_a_frame=pace.seconds_a_frame,
                seconds=expected_seconds(spec, pace, concurrency=concurrency),
                dollars=cost_of(expected_usage(spec, pace), sized).dollars,
            )
        )
    return choices


@contextmanager
def one_core() -> Iterator[int]:
    """Start processes on one core only, for a context; yields the number of all cores.

    Raises:
        OptionInvalid: This machine has one core, or can't bind processes to it.
    """
    if not hasattr(os, "sched_setaffinity") or len(all_cores := os.sched_getaffinity(0)) == 1:
        raise OptionInvalid(
            "`tune`: compares samples on one core and on several, which this machine can't",
            hint="Run it on Linux with two cores or more.",
        )
    os.sched_setaffinity(0, {min(all_cores)})
    try:
        yield len(all_cores)
    finally:
        # Threads that began meanwhile are bound as well.
        for thread in os.listdir("/proc/self/task"):  # noqa: PTH208 - names alone
            os.sched_setaffinity(int(thread), all_cores)
