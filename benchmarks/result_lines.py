"""Lines of the table of benchmarks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

#: Limits: of stitching, relative to a plain copy; of 10,000 chunks without work, in seconds and MB;
#: of `--help`, in seconds.
STITCH_TARGET = 2.0
NOOP_TARGET = (1.0, 200.0)
HELP_TARGET = 0.3
#: Limits: share of the plain client's invocations per second; seconds for importing the handler.
DISPATCH_TARGET = 0.8
HANDLER_TARGET = 0.3
HEAD = ("what", "ours", "compared with", "ratio", "target", "met")


@dataclass(frozen=True)
class Line:
    """One line of the table: our figure, the compared one, and the required one."""

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
    """Return a line for each scene of `process_trees.run`: ours and each other command."""
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
        lines += [
            Line(f"picture of {scene}", _picture(ours), f"{name} {_picture(row)}", "")
            for name, row in renders.items()
            if "psnr" in row and name != "helios render"
        ]
    return lines


def _picture(row: dict[str, Any]) -> str:
    return f"{row['psnr']:.1f} dB, {row['bytes'] / 1e6:.2f} MB"


def stitch_lines(rows: Sequence[dict[str, Any]]) -> list[Line]:
    """Return the lines of `stitch.run`, compared with the plain copy."""
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
    """Return the lines of `storage.run`: files and a plain copy, warm and cold assets."""
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
    """Return the line of one client, compared with the plain one."""
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
