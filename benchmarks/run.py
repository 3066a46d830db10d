"""Runs all benchmarks and prints one table: `make bench`.

A full run also writes `benchmarks/results.json` and the table in `docs/benchmarks.md`.
"""

import argparse
import datetime
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks import (
    cold_start,
    dispatch_cloud_run,
    dispatch_lambda,
    executor,
    peers,
    process_trees,
    stitch,
    storage,
)
from benchmarks.result_lines import (
    HEAD,
    Line,
    cold_start_lines,
    dispatch_lines,
    executor_lines,
    frame_rate_lines,
    process_tree_lines,
    stitch_lines,
    storage_lines,
)
from helios.renderer.browser.chromium import find_browser

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
PAGE = HERE.parent / "docs" / "benchmarks.md"
#: Markers around the table in the page.
BEGIN, END = "<!-- results -->", "<!-- /results -->"

#: Number of rounds of each section; medians are compared.
ROUNDS = {
    "executor": 5,
    "stitch": 9,
    "storage": 9,
    "coldStart": 5,
    "dispatch": 9,
    "render": 3,
    "processTrees": 3,
}


def machine(browser: str) -> dict[str, Any]:
    """Return the machine, and the versions of programs."""
    remotion = peers.REMOTION / "node_modules" / "@remotion" / "renderer"
    hyperframes = process_trees.HYPERFRAMES / "node_modules" / "hyperframes"
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memoryGB": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "browser": _version([browser, "--version"]),
        "ffmpeg": _version(["ffmpeg", "-version"]),
        "python": platform.python_version(),
        "node": _version(["node", "--version"]),
        "remotion": _package_version(remotion),
        "hyperframes": _package_version(hyperframes),
    }


def markdown(lines: Iterable[Line], facts: dict[str, Any], date: str) -> str:
    """Return the table and its environment, in Markdown."""
    rows = [HEAD, ("---",) * len(HEAD), *(line.cells() for line in lines)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    where = (
        f"Measured {date}: {facts['cores']} cores ({facts['cpu']}), {facts['memoryGB']:.0f} GB,"
        f" no GPU; Chromium {facts['browser']}, ffmpeg {facts['ffmpeg']}, Python {facts['python']},"
        f" Node.js {facts['node']}, Remotion {facts['remotion']},"
        f" HyperFrames {facts['hyperframes']}."
    )
    return f"{table}\n\n{where}"


def replace_between_markers(page: str, text: str) -> str:
    """Return the page with the text between its markers replaced."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE.name} lacks the markers {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def show(lines: Iterable[Line]) -> None:
    """Print the table."""
    table = Table()
    for name in HEAD:
        table.add_column(name, justify="right" if name in {"ours", "ratio"} else "left")
    for line in lines:
        table.add_row(*line.cells(), style="red" if line.met is False else None)
    # Without a terminal, a width is set so that cells aren't cut.
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table)


def _package_version(folder: Path) -> str:
    version: str = json.loads((folder / "package.json").read_text())["version"]
    return version


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.+)$", info.read_text(), re.M) if info.exists() else None
    return found[1].strip() if found else platform.processor() or "unknown"


def _version(command: Sequence[str]) -> str:
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+(\.\d+)+", said)
    return found[0] if found else said.strip()


def _measure_dispatch(runs: int) -> list[dict[str, Any]]:
    return [*dispatch_lambda.run(runs=runs), *dispatch_cloud_run.run(runs=runs)]


def _measure_process_trees(rounds: int) -> list[dict[str, Any]]:
    # In a process of its own: it waits for all of its children, and this one has others.
    command = [sys.executable, "-m", "benchmarks.process_trees", "--rounds", str(rounds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=HERE.parent)
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


#: The function of each section; its arguments are rounds, browser, and a function for progress.
SECTIONS: dict[str, Callable[[int, str, Callable[[str], None]], Any]] = {
    "executor": lambda rounds, _browser, _report: executor.run(runs=rounds),
    "stitch": lambda rounds, _browser, _report: stitch.run(runs=rounds),
    "storage": lambda rounds, _browser, _report: storage.run(runs=rounds),
    "coldStart": lambda rounds, _browser, _report: cold_start.run(runs=rounds),
    "dispatch": lambda rounds, _browser, _report: _measure_dispatch(rounds),
    "render": lambda rounds, browser, report: peers.run(
        rounds=rounds, browser=browser, report=report
    ),
    "processTrees": lambda rounds, _browser, _report: _measure_process_trees(rounds),
}


def lines_of(results: Mapping[str, Any]) -> list[Line]:
    """Return the table's lines."""
    return [
        *frame_rate_lines(results["render"]),
        *process_tree_lines(results["processTrees"]),
        *stitch_lines(results["stitch"]),
        *storage_lines(results["storage"]),
        *executor_lines(results["executor"]),
        *cold_start_lines(results["coldStart"]),
        *dispatch_lines(results["dispatch"][:2]),
        *dispatch_lines(results["dispatch"][2:]),
    ]


def main() -> None:
    """Run the benchmarks, print the table, and write the figures of a full run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round; nothing is written")
    parser.add_argument(
        "--only",
        action="append",
        choices=list(SECTIONS),
        help="measure this alone, and keep the other figures; repeatable",
    )
    options = parser.parse_args()
    browser = str(find_browser())

    def report(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    peers.install()
    process_trees.install()
    known: dict[str, Any] = json.loads(RESULTS.read_text()) if options.only else {}
    results: dict[str, Any] = {"date": datetime.datetime.now(datetime.UTC).date().isoformat()}
    results["machine"] = facts = machine(browser)
    for name, measure in SECTIONS.items():
        if options.only and name not in options.only:
            results[name] = known.get(name, [])
            continue
        report(name)
        results[name] = measure(1 if options.quick else ROUNDS[name], browser, report)
    lines = lines_of(results)
    show(lines)
    if options.quick:
        return
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    table = markdown(lines, facts, results["date"])
    PAGE.write_text(replace_between_markers(PAGE.read_text(), table))
    report(f"written: {RESULTS.relative_to(HERE.parent)}, {PAGE.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
