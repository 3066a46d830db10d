"""Measures storing and fetching a file, a plain copy, and assets on a warm worker.

Run `python benchmarks/storage.py`; `--json` prints the figures as JSON.
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from helios.assets import AssetCache, upload_assets
from helios.storage import open_storage

#: Bytes of the stored file.
FILE_BYTES = 200_000_000
#: Number of files of the assets, and bytes of each, as of a composition with fonts and images.
ASSET_FILES, ASSET_BYTES = 100, 200_000
#: Number of warm fetches, as a single one is too short to be measured.
WARM_FETCHES = 1000


def run(*, runs: int = 9, folder: Path | None = None) -> list[dict[str, Any]]:
    """Measure and return a row for each way to move the file, then two for assets.

    Args:
        runs: Number of measurements; ways alternate, so that other load affects all of them.
        folder: Folder for files; a temporary one by default.
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix="bench-storage-") as name:
        return [*_measure_files(Path(name), runs=runs), *_measure_assets(Path(name), runs=runs)]


def _measure_files(folder: Path, *, runs: int) -> list[dict[str, Any]]:
    source, target = folder / "source", folder / "target"
    source.write_bytes(os.urandom(FILE_BYTES))
    storage = open_storage(str(folder / "artifacts"))
    asyncio.run(storage.put_file("stored", source))
    ways: dict[str, Callable[[], object]] = {
        "plain copy": lambda: shutil.copyfile(source, target),
        "store in a folder": lambda: asyncio.run(storage.put_file("key", source)),
        "fetch from a folder": lambda: asyncio.run(storage.get_file("stored", target)),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(runs):
        for way, move in ways.items():
            target.unlink(missing_ok=True)
            asyncio.run(storage.delete("key"))
            # So that blocks of the previous run aren't written during this one.
            os.sync()
            seconds[way].append(_time(move))
    copy = statistics.median(seconds["plain copy"])
    return [
        {
            "way": way,
            "bytes": FILE_BYTES,
            "runs": runs,
            "median_seconds": round(statistics.median(values), 4),
            "ratio_to_copy": round(statistics.median(values) / copy, 2),
        }
        for way, values in seconds.items()
    ]


def _measure_assets(folder: Path, *, runs: int) -> list[dict[str, Any]]:
    composition = folder / "composition"
    composition.mkdir()
    for number in range(ASSET_FILES):
        (composition / f"{number}.bin").write_bytes(os.urandom(ASSET_BYTES))
    url = asyncio.run(upload_assets(open_storage(str(folder / "artifacts")), composition))
    cold, warm = [], []
    for _ in range(runs):
        cache = AssetCache(folder / "cache")
        try:
            cold.append(_time(_fetch(cache, url, times=1)))
            warm.append(_time(_fetch(cache, url, times=WARM_FETCHES)))
        finally:
            cache.close()
    size = ASSET_FILES * ASSET_BYTES
    return [
        {"way": "assets, cold", "bytes": size, "runs": runs, "median_seconds": _median(cold)},
        {
            "way": "assets, warm",
            "bytes": size,
            "runs": runs,
            "median_seconds": round(statistics.median(warm) / WARM_FETCHES, 7),
        },
    ]


def _fetch(cache: AssetCache, url: str, *, times: int) -> Callable[[], None]:
    async def fetch() -> None:
        for _ in range(times):
            await cache.fetch(url)

    return lambda: asyncio.run(fetch())


def _time(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 4)


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
    for row in rows:
        ratio = f"{row['ratio_to_copy']:>8.2f} x" if "ratio_to_copy" in row else ""
        print(f"{row['way']:<28}{row['median_seconds']:>10.6f} s{ratio}")


if __name__ == "__main__":
    main()
