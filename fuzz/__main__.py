"""`python -m fuzz`: random compositions, rendered in every way, and what differed."""

import argparse
import asyncio
import signal
import sys
import time
from pathlib import Path

from fuzz.jobs import run_jobs
from fuzz.media import make_media
from fuzz.page import make_page
from fuzz.pending import PENDING
from fuzz.renders import open_studio
from fuzz.run import run_page, run_seed

#: Folder that keeps the media between runs.
_MEDIA = Path("out/fuzz-media")


def read_seeds(text: str) -> list[int]:
    """Return the numbers of a list such as `1-50,77`."""
    seeds: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


async def run_seeds(options: argparse.Namespace) -> list[str]:
    """Run seeds, one after the other; return those that differ."""
    without = {*options.without, *(() if options.pending else PENDING)}
    bad = []
    async with open_studio(_MEDIA, neighbours=options.neighbours) as studio:
        for seed in read_seeds(options.seeds):
            outcome = await run_seed(
                studio, seed, without=without, only=options.only, shrinks=not options.whole
            )
            made = " | ".join(map(str, outcome.forest))
            for text in [str(one) for one in outcome.differences] or ["equal"]:
                print(f"{seed:>6}  {outcome.seconds:5.1f} s  {text}  [{made}]", flush=True)
            if outcome.differences:
                bad.append(str(seed))
                if options.keep is not None:
                    make_page(outcome.forest).write(options.keep / f"seed{seed}", media=_MEDIA)
    return bad


async def run_pages(options: argparse.Namespace) -> list[str]:
    """Render the pages in folders; return those that differ."""
    bad = []
    async with open_studio(_MEDIA, neighbours=options.neighbours) as studio:
        for folder in options.pages:
            found = await run_page(studio, folder)
            for text in [str(one) for one in found] or ["equal"]:
                print(f"{folder}  {text}", flush=True)
            if found:
                bad.append(str(folder))
    return bad


def main() -> int:
    """Run the seeds or the pages that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--seeds", default="1-50", help="Such as 1-50,77 (default: 1-50).")
    parser.add_argument(
        "--pages", nargs="*", type=Path, default=[], help="Folders with pages, in place of seeds."
    )
    parser.add_argument("--only", nargs="*", default=[], help="Kinds of which each page has one.")
    parser.add_argument("--without", nargs="*", default=[], help="Kinds that no page has.")
    parser.add_argument("--pending", action="store_true", help="Also kinds known to differ.")
    parser.add_argument("--whole", action="store_true", help="Don't make failing pages small.")
    parser.add_argument("--jobs", type=int, default=1, help="Seeds rendered at the same time.")
    parser.add_argument("--neighbours", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--keep", type=Path, help="Folder that takes the pages that differ.")
    options = parser.parse_args()
    # Ends browsers and busy processes too: without a handler, SIGTERM would leave them.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    began = time.monotonic()
    if options.jobs > 1:
        make_media(_MEDIA)
        bad = run_jobs(options.jobs, read_seeds(options.seeds), sys.argv[1:])
    else:
        bad = asyncio.run(run_pages(options) if options.pages else run_seeds(options))
    print(f"{time.monotonic() - began:.0f} s; {len(bad)} differ: {', '.join(bad) or 'none'}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
