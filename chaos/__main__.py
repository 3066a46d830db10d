"""`python -m chaos`: executes many runs, and writes their results to a page."""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from chaos.report import write_table
from chaos.run import Outcome, play


async def play_all(seeds: Sequence[int], *, at_once: int) -> list[Outcome]:
    """Execute runs concurrently, each in a temporary folder."""
    gate = asyncio.Semaphore(at_once)

    async def one(seed: int) -> Outcome:
        async with gate:
            with tempfile.TemporaryDirectory(prefix=f"helios-chaos-{seed}-") as folder:
                outcome = await play(seed, Path(folder))
            for fault in outcome.faults:
                print(f"seed {seed}: {fault}", flush=True)
            return outcome

    return await asyncio.gather(*map(one, seeds))


def main() -> int:
    """Execute the runs of the command line."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--runs", type=int, default=300, help="How many (default: 300).")
    parser.add_argument("--seed", type=int, default=1, help="The first one's seed (default: 1).")
    parser.add_argument("--at-once", type=int, default=3, help="Runs at a time (default: 3).")
    parser.add_argument("--page", type=Path, help="Page whose table of results is replaced.")
    options = parser.parse_args()
    began = time.monotonic()
    seeds = range(options.seed, options.seed + options.runs)
    outcomes = asyncio.run(play_all(seeds, at_once=options.at_once))
    seconds = time.monotonic() - began
    bad = [outcome.seed for outcome in outcomes if outcome.faults]
    states = Counter(outcome.state for outcome in outcomes)
    print(f"{len(outcomes)} runs in {seconds:.0f} s: {dict(states)}; seeds with faults: {bad}")
    if options.page is not None:
        write_table(options.page, outcomes, seconds=seconds)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
