"""Simulates the duration and cost of renders on more workers than one machine has.

    .venv/bin/python benchmarks/scale.py

uses the figures of `make bench` (`results.json`), the platforms' published limits and `ASSUMED`,
and writes the table and the picture of `docs/scale.md`.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.scale_model import CLOUD_RUN, LAMBDA, Measured, Platform, Render, simulate

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
PAGE = HERE.parent / "docs" / "scale.md"
PICTURE = HERE.parent / "docs" / "images" / "scale.svg"
#: Markers around the table in the page.
BEGIN, END = "<!-- results -->", "<!-- /results -->"

#: Lengths of videos, in seconds, and numbers of workers.
LENGTHS = {"1 minute": 60, "10 minutes": 600, "1 hour": 3_600, "10 hours": 36_000}
WORKERS = (10, 100, 1_000, 10_000)


def all_renders(measured: Measured) -> list[Render]:
    """Simulate every length on every number of workers, on both platforms."""
    return [
        simulate(length, workers, platform, measured)
        for platform in (LAMBDA, CLOUD_RUN)
        for length in LENGTHS.values()
        for workers in WORKERS
    ]


def markdown(renders: Sequence[Render], measured: Measured, *, scene: str, date: str) -> str:
    """Return the tables in Markdown."""
    parts = [
        f"`{scene}` on one machine, {date}: {measured.frame * 1000:.0f} ms a frame,"
        f" {measured.cold:.1f} s to a new worker's first frame,"
        f" {measured.warm:.1f} s to a warm one's."
    ]
    for platform in (LAMBDA, CLOUD_RUN):
        parts.append(f"**{platform.name}**")
        rows = [("video", *(f"{workers:,} workers" for workers in WORKERS))]
        rows.append(("---",) * len(rows[0]))
        for name, length in LENGTHS.items():
            cells = [_cell(one) for one in _of(renders, platform, length)]
            rows.append((name, *cells))
        parts.append("\n".join(f"| {' | '.join(row)} |" for row in rows))
    return "\n\n".join(parts)


def _of(renders: Iterable[Render], platform: Platform, length: float) -> list[Render]:
    return [one for one in renders if (one.platform, one.video_seconds) == (platform.name, length)]


def _cell(render: Render) -> str:
    star = "" if render.merged is not None else " *"
    return f"{duration(render.seconds)}{star}, ${render.dollars:.2f}, {render.chunks:,} chunks"


def duration(seconds: float) -> str:
    """Return seconds as text: `48 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3_600} h {whole % 3_600 // 60} min"


def draw(renders: Sequence[Render], target: Path) -> None:
    """Draw seconds and dollars over workers, a line for each length of video."""
    figure = Figure(figsize=(9, 7), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True, sharey="row")
    for column, platform in enumerate((LAMBDA, CLOUD_RUN)):
        time, money = axes[0, column], axes[1, column]
        for name, length in LENGTHS.items():
            line = _of(renders, platform, length)
            time.loglog(WORKERS, [one.seconds for one in line], marker="o", label=name)
            money.loglog(WORKERS, [one.dollars for one in line], marker="o", label=name)
        time.set_title(platform.name)
        money.set_xlabel("workers")
    axes[0, 0].set_ylabel("seconds until the video is there")
    axes[1, 0].set_ylabel("US dollars, by list prices")
    axes[0, 1].legend(title="length of the video")
    for one in axes.flat:
        one.grid(visible=True, which="major", alpha=0.3)
    # Without a date, so that the same figures give the same file.
    figure.savefig(target, metadata={"Date": None})


def main() -> None:
    """Write the page's table and its picture."""
    results = json.loads(RESULTS.read_text())
    scene = "gradient"
    measured = Measured.from_results(results, scene=scene)
    renders = all_renders(measured)
    text = markdown(renders, measured, scene=scene, date=results["date"])
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
    draw(renders, PICTURE)
    print(text)


if __name__ == "__main__":
    main()
