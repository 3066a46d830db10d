"""Measures stitching, and a plain copy of the same bytes.

Run `python benchmarks/stitch.py`; `--json` prints the figures as JSON.
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from helios.stitcher import FfmpegStitcher

#: Number of stitched files, and the sum of their bytes.
CHUNKS = 10
TOTAL_BYTES = 200_000_000
#: Seconds of a chunk's video.
CHUNK_SECONDS = 3


def run(*, runs: int = 9, folder: Path | None = None) -> list[dict[str, Any]]:
    """Measure and return a row for each way to stitch.

    Args:
        runs: Number of measurements; ways alternate, so that other load affects all of them.
        folder: Folder for files; a temporary one by default.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix="bench-stitch-") as name:
        return _measure(Path(name), runs=runs)


def _measure(folder: Path, *, runs: int) -> list[dict[str, Any]]:
    inputs = _make_chunks(folder)
    whole = folder / "whole.mp4"
    asyncio.run(FfmpegStitcher().stitch(inputs, whole))
    output = folder / "output.mp4"
    listing = folder / "list.txt"
    listing.write_text("".join(f"file 'file:{path}'\n" for path in inputs))
    concat = ["ffmpeg", "-loglevel", "error", "-f", "concat", "-safe", "0", "-i", str(listing)]
    ways: dict[str, Callable[[], object]] = {
        "plain copy": lambda: shutil.copyfile(whole, output),
        "FfmpegStitcher": lambda: asyncio.run(FfmpegStitcher().stitch(inputs, output)),
        "ffmpeg concat, +faststart": lambda: subprocess.run(
            [*concat, "-c", "copy", "-movflags", "+faststart", str(output)], check=True
        ),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(runs):
        for way, join in ways.items():
            output.unlink(missing_ok=True)
            # So that blocks of the previous run aren't written during this one.
            os.sync()
            started = time.perf_counter()
            join()
            seconds[way].append(time.perf_counter() - started)
    copy = statistics.median(seconds["plain copy"])
    return [
        {
            "way": way,
            "bytes": whole.stat().st_size,
            "chunks": CHUNKS,
            "runs": runs,
            "median_seconds": round(statistics.median(values), 4),
            "ratio_to_copy": round(statistics.median(values) / copy, 2),
        }
        for way, values in seconds.items()
    ]


def _make_chunks(folder: Path) -> list[Path]:
    """Encode one chunk of noise and copy it, as only the number of bytes matters."""
    bits = TOTAL_BYTES * 8 // CHUNKS // CHUNK_SECONDS
    noise = f"testsrc2=s=1280x720:r=30:d={CHUNK_SECONDS},noise=alls=60:allf=t"
    first = folder / "0.mp4"
    coding = f"-c:v libx264 -preset ultrafast -bf 2 -pix_fmt yuv420p -b:v {bits} -minrate {bits}"
    command = ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", noise, *coding.split()]
    command += ["-maxrate", str(bits), "-bufsize", str(bits // 4), str(first)]
    subprocess.run(command, check=True)
    others = [folder / f"{number}.mp4" for number in range(1, CHUNKS)]
    for other in others:
        shutil.copyfile(first, other)
    return [first, *others]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--runs", type=int, default=9, help="measurements of each way")
    options = parser.parse_args()
    rows = run(runs=options.runs)
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{rows[0]['bytes'] / 1e6:.0f} MB in {CHUNKS} chunks, median of {options.runs} runs")
    for row in rows:
        print(f"{row['way']:<28}{row['median_seconds']:>8.3f} s{row['ratio_to_copy']:>8.2f} x")


if __name__ == "__main__":
    main()
