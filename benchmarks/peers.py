"""Compares the speed of this project with Remotion's, on one machine in alternating rounds.

    .venv/bin/python benchmarks/peers.py --rounds 5

Both draw the scenes of `benchmarks/scenes` with the same browser, to the same picture, at the same
JPEG quality and x264 settings. Both are timed as a whole process; Remotion's page is bundled
before. The time of Remotion's `renderMedia` alone, with a running browser, is reported, too.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SCENES = HERE / "scenes"
REMOTION = HERE / "remotion"
HELIOS = HERE.parent / ".venv" / "bin" / "helios"

#: Required ratio of our frames per second to Remotion's for each scene, at the same concurrency.
TARGETS = {"gradient": 2.0, "ball": 2.0, "deck": 4.0}

#: Length of each scene; long enough for slides that stand still for 80 % of the time.
FRAMES = {"gradient": 150, "ball": 150, "deck": 600}

#: Time limit of a render in seconds.
TIMEOUT = 300.0

Samples = dict[tuple[str, int, str], list["Timing"]]

Render = Callable[[str, int, Path], "Timing"]


@dataclass(frozen=True)
class Timing:
    """Seconds of a whole process, and of rendering alone if the program reports it."""

    process: float
    rendering: float | None = None


def run(
    *,
    rounds: int = 5,
    scenes: Sequence[str] = tuple(TARGETS),
    concurrencies: Sequence[int] = (1, 2),
    browser: str = "/usr/bin/chromium-headless-shell",
    report: Callable[[str], None] = lambda _line: None,
) -> list[dict[str, Any]]:
    """Measure every scene at every concurrency; one row each, with medians in seconds.

    Rounds alternate which renderer is first, so that caches and other load affect both. `report` is
    called with a line for each render.
    """
    install()
    call(["node", "render.mjs", "--bundle"], folder=REMOTION)
    cases = [(scene, concurrency) for scene in scenes for concurrency in concurrencies]
    renders: dict[str, Render] = {"ours": render_ours, "remotion": remotion_with(browser)}
    samples: Samples = {}
    with scratch_folder() as folder:
        for number in range(rounds):
            for scene, concurrency in cases:
                for name in sorted(renders, reverse=number % 2 == 1):
                    output = folder / f"{name}.mp4"
                    timing = renders[name](scene, concurrency, output)
                    check_frames(output, FRAMES[scene])
                    samples.setdefault((scene, concurrency, name), []).append(timing)
                    report(
                        f"{number + 1}/{rounds} {scene} x{concurrency} {name}"
                        f" {timing.process:.2f} s (load {os.getloadavg()[0]:.1f})"
                    )
    return [summary(samples, scene, concurrency) for scene, concurrency in cases]


def install(folder: Path = REMOTION, package: str = "@remotion/renderer") -> None:
    """Install the packages of a folder, by default Remotion's, if this one is missing."""
    if shutil.which("npm") is None:
        raise SystemExit(f"npm is missing: {folder.name}, which this compares with, needs it")
    if not (folder / "node_modules" / package).is_dir():
        call(["npm", "ci", "--no-audit", "--no-fund"], folder=folder)


def render_ours(scene: str, concurrency: int, output: Path) -> Timing:
    """Render with `helios render`."""
    options = {
        "--frame-count": FRAMES[scene],
        "--width": 1920,
        "--height": 1080,
        "--fps": 30,
        "--preset": "veryfast",
        "--quality": 23,
        "--jpeg-quality": 80,
        "--concurrency": concurrency,
    }
    words = [str(word) for option in options.items() for word in option]
    begin = time.perf_counter()
    call([str(HELIOS), "render", str(SCENES / scene), "-o", str(output), *words])
    return Timing(time.perf_counter() - begin)


def remotion_with(browser: str) -> Render:
    """Return Remotion's side of the comparison, with this browser."""

    def render(scene: str, concurrency: int, output: Path) -> Timing:
        options = {
            "--scene": scene,
            "--concurrency": concurrency,
            "--out": output,
            "--browser": browser,
        }
        words = [str(word) for option in options.items() for word in option]
        begin = time.perf_counter()
        answer = call(["node", "render.mjs", *words, "--json"], folder=REMOTION)
        process = time.perf_counter() - begin
        return Timing(process, rendering=float(json.loads(answer)["renderSeconds"]))

    return render


def check_frames(output: Path, frames: int) -> None:
    """Check the number of frames: a renderer that omits frames would look fast."""
    entry = "stream=nb_read_packets"
    selected = ["-select_streams", "v", "-count_packets", "-show_entries", entry]
    found = call(["ffprobe", "-v", "error", *selected, "-of", "csv=p=0", str(output)])
    if int(found.strip().strip(",")) != frames:
        raise SystemExit(f"{output.name} holds {found.strip()} frames, not {frames}")


def summary(samples: Samples, scene: str, concurrency: int) -> dict[str, Any]:
    """Return the row of one scene at one concurrency."""
    ours = samples[scene, concurrency, "ours"]
    theirs = samples[scene, concurrency, "remotion"]
    our_seconds = statistics.median(timing.process for timing in ours)
    their_seconds = statistics.median(timing.process for timing in theirs)
    rendering = statistics.median(timing.rendering or 0 for timing in theirs)
    frames = FRAMES[scene]
    return {
        "scene": scene,
        "concurrency": concurrency,
        "frames": frames,
        "oursSeconds": round(our_seconds, 3),
        "oursFps": round(frames / our_seconds, 2),
        "remotionSeconds": round(their_seconds, 3),
        "remotionFps": round(frames / their_seconds, 2),
        "renderMediaFps": round(frames / rendering, 2),
        "ratio": round(their_seconds / our_seconds, 2),
        "target": TARGETS[scene],
        "samples": {
            "ours": [round(timing.process, 3) for timing in ours],
            "remotion": [round(timing.process, 3) for timing in theirs],
        },
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as a text table."""
    lines = ["scene      concurrency   ours fps   Remotion fps   ratio   target"]
    lines += [
        f"{row['scene']:<10} {row['concurrency']:>11} {row['oursFps']:>10.1f}"
        f" {row['remotionFps']:>14.1f} {row['ratio']:>6.2f}x {row['target']:>7.1f}x"
        for row in rows
    ]
    return "\n".join(lines)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Return a folder for temporary outputs."""
    with tempfile.TemporaryDirectory(prefix="helios-peers-") as folder:
        yield Path(folder)


def call(
    words: Sequence[str],
    *,
    folder: Path | None = None,
    timeout: float = TIMEOUT,
    env: Mapping[str, str] | None = None,
) -> str:
    """Return a program's stdout; if it fails, exit with its errors."""
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False, env=env
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(words)} failed ({done.returncode}):\n{done.stderr[-4000:]}")
    return done.stdout


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scene", action="append", choices=list(TARGETS), help="repeatable")
    parser.add_argument("--concurrency", action="append", type=int, help="repeatable")
    parser.add_argument("--browser", default="/usr/bin/chromium-headless-shell")
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    arguments = parser.parse_args()
    rows = run(
        rounds=arguments.rounds,
        scenes=arguments.scene or tuple(TARGETS),
        concurrencies=arguments.concurrency or (1, 2),
        browser=arguments.browser,
        report=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(json.dumps(rows, indent=2) if arguments.json else table(rows))


if __name__ == "__main__":
    main()
