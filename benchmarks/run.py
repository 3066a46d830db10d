"""Runs all benchmarks in one go and prints one table: `make bench`.

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
from dataclasses import dataclass
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
from helios.renderer.browser.chromium import find_browser

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
PAGE = HERE.parent / "docs" / "benchmarks.md"
#: What stands around the table in the page.
BEGIN, END = "<!-- results -->", "<!-- /results -->"

#: Rounds of each section; medians are compared.
ROUNDS = {
    "executor": 5,
    "stitch": 9,
    "storage": 9,
    "coldStart": 5,
    "dispatch": 9,
    "render": 3,
    "processTrees": 3,
}

#: Times a plain copy that stitching may take; seconds and MB that 10,000 chunks without work, and
#: seconds that `--help` may take.
STITCH_TARGET = 2.0
NOOP_TARGET = (1.0, 200.0)
HELP_TARGET = 0.3
#: Of the bare client's invocations a second, and seconds that importing Lambda's handler may take.
DISPATCH_TARGET = 0.8
HANDLER_TARGET = 0.3

HEAD = ("what", "ours", "compared with", "ratio", "target", "met")


@dataclass(frozen=True)
class Line:
    """One line of the table: ours, what it is compared with, and what it must reach."""

    what: str
    ours: str
    beside: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        """Return the texts, in the order of `HEAD`."""
        met = "" if self.met is None else "yes" if self.met else "NO"
        return (self.what, self.ours, self.beside, self.ratio, self.target, met)


def frame_rate_lines(rows: Iterable[dict[str, Any]]) -> list[Line]:
    """Return the lines of `peers.run`."""
    return [
        Line(
            f"render {row['scene']}, concurrency {row['concurrency']}",
            f"{row['oursFps']:.1f} frames/s",
            f"Remotion {row['remotionFps']:.1f} ({row['renderMediaFps']:.1f} once started)",
            f"{row['ratio']:.2f}",
            f"≥ {row['target']:.1f}",
            row["ratio"] >= row["target"],
        )
        for row in rows
    ]


def process_tree_lines(rows: Iterable[dict[str, Any]]) -> list[Line]:
    """Return a line for each scene of `process_trees.run`: ours, beside each other command."""
    by_scene: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        by_scene.setdefault(row["scene"], {})[row["render"]] = row
    lines = []
    for scene, renders in by_scene.items():
        ours = renders.pop("orchestrator render")
        least, most = ours["cpuSpread"]
        lines += [
            Line(
                f"processor time of {scene}, {ours['frames']} frames",
                f"{ours['cpuSeconds']:.1f} s ({least:.1f} to {most:.1f})",
                f"{name} {row['cpuSeconds']:.1f} s",
                f"{row['cpuSeconds'] / ours['cpuSeconds']:.2f}",
            )
            for name, row in renders.items()
        ]
    return lines


def stitch_lines(rows: Sequence[dict[str, Any]]) -> list[Line]:
    """Return the lines of `stitch.run`, each beside the plain copy."""
    copy = rows[0]
    return [
        Line(
            f"stitch {row['bytes'] / 1e6:.0f} MB, {row['way']}",
            f"{row['median_seconds']:.3f} s",
            f"{copy['way']} {copy['median_seconds']:.3f} s",
            f"{row['ratio_to_copy']:.2f}",
            f"≤ {STITCH_TARGET:.1f}" if row["way"] == "FfmpegStitcher" else "",
            row["ratio_to_copy"] <= STITCH_TARGET if row["way"] == "FfmpegStitcher" else None,
        )
        for row in rows[1:]
    ]


def executor_lines(rows: Sequence[dict[str, Any]]) -> list[Line]:
    """Return the lines of `executor.run`."""
    bare, ours, noop, *helps = rows
    seconds, megabytes = NOOP_TARGET
    return [
        Line(
            ours["what"],
            f"{ours['median_seconds']:.2f} s",
            f"bare asyncio {bare['median_seconds']:.2f} s",
            f"{ours['ratio_to_bare']:.2f}",
        ),
        Line(
            noop["what"],
            f"{noop['median_seconds']:.2f} s, {noop['peak_mb']:.0f} MB",
            target=f"< {seconds:g} s, < {megabytes:g} MB",
            met=noop["median_seconds"] < seconds and noop["peak_mb"] < megabytes,
        ),
        *(
            Line(
                row["what"],
                f"{row['median_seconds']:.2f} s",
                target=f"< {HELP_TARGET} s",
                met=row["median_seconds"] < HELP_TARGET,
            )
            for row in helps
        ),
    ]


def storage_lines(rows: Sequence[dict[str, Any]]) -> list[Line]:
    """Return the lines of `storage.run`: files beside the plain copy, assets warm beside cold."""
    copy, *files, cold, warm = rows
    return [
        *(
            Line(
                f"{row['way']}, {row['bytes'] / 1e6:.0f} MB",
                f"{row['median_seconds']:.3f} s",
                f"{copy['way']} {copy['median_seconds']:.3f} s",
                f"{row['ratio_to_copy']:.2f}",
            )
            for row in files
        ),
        Line(
            f"{warm['way']}, {warm['bytes'] / 1e6:.0f} MB",
            f"{warm['median_seconds'] * 1e6:.0f} µs",
            f"{cold['way']} {cold['median_seconds']:.3f} s",
        ),
    ]


def cold_start_lines(rows: Sequence[dict[str, Any]]) -> list[Line]:
    """Return the lines of `cold_start.run`: each worker's parts, and its handler's import."""
    return [
        *(
            Line(
                f"cold {row['worker']} worker, to the first frame",
                f"{row['total']:.2f} s",
                f"import {row['import']:.2f}, command {row['command']:.2f},"
                f" launch {row['launch']:.2f}, load {row['load']:.2f},"
                f" frame {row['firstFrame']:.2f}",
            )
            for row in rows
        ),
        *(
            Line(
                "import of the Lambda handler",
                f"{row['import']:.2f} s",
                target=f"< {HANDLER_TARGET} s",
                met=row["import"] < HANDLER_TARGET,
            )
            for row in rows
            if row["worker"] == "Lambda"
        ),
    ]


def dispatch_lines(rows: Sequence[dict[str, Any]]) -> list[Line]:
    """Return the line of one client, beside the bare one."""
    bare, ours = rows
    return [
        Line(
            ours["what"],
            f"{ours['per_second']:,} /s",
            f"{bare['what'].rpartition(', ')[2]} {bare['per_second']:,} /s",
            f"{ours['ratio_to_bare']:.2f}",
            f"≥ {DISPATCH_TARGET}",
            ours["ratio_to_bare"] >= DISPATCH_TARGET,
        )
    ]


def machine(browser: str) -> dict[str, Any]:
    """Return what the figures depend on: the machine, and the versions of programs."""
    package = peers.REMOTION / "node_modules" / "@remotion" / "renderer" / "package.json"
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memoryGB": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "browser": _version([browser, "--version"]),
        "ffmpeg": _version(["ffmpeg", "-version"]),
        "python": platform.python_version(),
        "node": _version(["node", "--version"]),
        "remotion": json.loads(package.read_text())["version"],
    }


def markdown(lines: Iterable[Line], facts: dict[str, Any], date: str) -> str:
    """Return the table and where it was measured, as the page holds it."""
    rows = [HEAD, ("---",) * len(HEAD), *(line.cells() for line in lines)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    where = (
        f"Measured {date}: {facts['cores']} cores ({facts['cpu']}), {facts['memoryGB']:.0f} GB,"
        f" no GPU; Chromium {facts['browser']}, ffmpeg {facts['ffmpeg']}, Python {facts['python']},"
        f" Node.js {facts['node']}, Remotion {facts['remotion']}."
    )
    return f"{table}\n\n{where}"


def replace_between_markers(page: str, text: str) -> str:
    """Return the page with other text between its markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE.name} lacks the markers {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{after}"


def show(lines: Iterable[Line]) -> None:
    """Print the table for people."""
    table = Table()
    for name in HEAD:
        table.add_column(name, justify="right" if name in {"ours", "ratio"} else "left")
    for line in lines:
        table.add_row(*line.cells(), style="red" if line.met is False else None)
    # A log has no width of its own; cells shouldn't be cut for that.
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table)


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


#: Measures each section: rounds, the browser, and whom to tell what goes on.
SECTIONS: dict[str, Callable[[int, str, Callable[[str], None]], Any]] = {
    "executor": lambda rounds, _browser, _report: executor.run(runs=rounds),
    "stitch": lambda rounds, _browser, _report: stitch.run(runs=rounds),
    "storage": lambda rounds, _browser, _report: storage.run(runs=rounds),
    "coldStart": lambda rounds, _browser, _report: cold_start.run(runs=rounds),
    "dispatch": lambda rounds, _browser, _report: _measure_dispatch(rounds),
    "render": lambda rounds, browser, report: peers.run(
        rounds=rounds, browser=browser, report=report
    ),
    "processTrees": lambda rounds, _browser, report: process_trees.run(
        rounds=rounds, report=report
    ),
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
    """Run everything, print the table, and keep the figures of a full run."""
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
