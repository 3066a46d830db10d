"""`python -m fuzz`: renders random compositions in every way, and prints differences."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fuzz.compare import Difference
from fuzz.jobs import run_jobs
from fuzz.pages.media import make_media
from fuzz.pages.page import make_page
from fuzz.pages.pending import PENDING
from fuzz.races import FOLDERS, SEEDS
from fuzz.renders import open_studio
from fuzz.run import run_page, run_seed
from fuzz.variants import BUSY, VARIANTS, Variant, variants_of

#: Folder for the media, which later runs use again.
_MEDIA = Path("out/fuzz-media")


def read_seeds(text: str) -> list[int]:
    """Return the numbers of a list such as `1-50,77`."""
    seeds: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        seeds += range(int(first), int(last or first) + 1)
    return seeds


async def run(options: argparse.Namespace) -> list[str]:
    """Render pages and seeds in order; return those that differ."""
    without = {*options.without, *(() if options.pending else PENDING)}
    bad = []
    async with open_studio(_MEDIA, neighbours=options.neighbours or 0) as studio:
        for folder in options.pages:
            began = time.monotonic()
            found = await run_page(studio, folder, _variants(options, VARIANTS))
            _print(str(folder), time.monotonic() - began, found)
            bad += [str(folder)] if found else []
        for seed in options.seeds:
            outcome = await run_seed(
                studio,
                seed,
                without=without,
                only=options.only,
                shrinks=not options.whole,
                variants=_variants(options, variants_of(seed)),
            )
            made = " | ".join(map(str, outcome.forest))
            _print(f"{seed:>6}", outcome.seconds, outcome.differences, f"  [{made}]")
            if outcome.differences:
                bad.append(str(seed))
                if options.keep is not None:
                    make_page(outcome.forest).write(options.keep / f"seed{seed}", media=_MEDIA)
    return bad


def _variants(options: argparse.Namespace, usual: Sequence[Variant]) -> tuple[Variant, ...]:
    variants = (BUSY,) * options.times if options.times else usual
    return tuple(replace(one, fresh=one.fresh or options.fresh_browsers) for one in variants)


def _print(name: str, seconds: float, found: Sequence[Difference], more: str = "") -> None:
    for text in [str(one) for one in found] or ["equal"]:
        print(f"{name}  {seconds:5.1f} s  {text}{more}", flush=True)


def main() -> int:
    """Run the seeds or the pages of the command line."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--seeds", default="", help="Such as 1-50,77 (default: 1-50).")
    parser.add_argument(
        "--pages", nargs="*", type=Path, default=[], help="Folders with pages; no seeds by default."
    )
    parser.add_argument(
        "--only", nargs="*", default=[], help="Kinds of pieces; each page has at least one of them."
    )
    parser.add_argument(
        "--without", nargs="*", default=[], help="Kinds of pieces that pages don't have."
    )
    parser.add_argument(
        "--pending", action="store_true", help="Also use kinds of pieces that are known to differ."
    )
    parser.add_argument("--whole", action="store_true", help="Don't reduce failing pages.")
    parser.add_argument("--races", action="store_true", help="The pages of fuzz/races.py.")
    parser.add_argument("--times", type=int, help="Render this many times, on busy cores only.")
    parser.add_argument(
        "--fresh-browsers", action="store_true", help="Start browsers for each chunk of each page."
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        help="Pages rendered at the same time; more than cores keep these busy.",
    )
    parser.add_argument("--neighbours", type=int, help=argparse.SUPPRESS)
    parser.add_argument(
        "--log", type=Path, help="File for the results; runs with a result in it are skipped."
    )
    parser.add_argument("--keep", type=Path, help="Folder for pages that differ.")
    options = parser.parse_args()
    if options.races:
        options.pages, options.seeds = FOLDERS, ",".join(map(str, SEEDS))
    options.seeds = read_seeds(options.seeds or ("" if options.pages else "1-50"))
    options.whole |= bool(options.times)
    # So that SIGTERM also ends browsers and busy processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    began = time.monotonic()
    # Processes of `run_jobs` get the number of their neighbours.
    if options.neighbours is None and (options.jobs > 1 or options.log):
        make_media(_MEDIA)
        arguments = [each for each in sys.argv[1:] if each != "--races"]
        bad = run_jobs(options.jobs, options.pages, options.seeds, arguments, options.log)
    else:
        bad = asyncio.run(run(options))
    print(f"{time.monotonic() - began:.0f} s; {len(bad)} differ: {', '.join(bad) or 'none'}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
