"""Measures the processor time of whole renders, with all processes of a command.

    .venv/bin/python -m benchmarks.process_trees --rounds 5

Commands are `orchestrator render`, and those of Remotion and HyperFrames, with default flags, and
`helios render`, one process with one browser and one encoder, which is the minimum. Processor time
depends less on other load than elapsed time. The videos of the last round are compared with frames
that weren't compressed.
"""

import argparse
import ctypes
import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import peers
from benchmarks.peers import HERE, REMOTION, SCENES, call, check_frames
from benchmarks.picture_quality import psnr

HYPERFRAMES = HERE / "hyperframes"
COMMANDS = HERE.parent / ".venv" / "bin"
#: Time limit of a render in seconds.
TIMEOUT = 600.0
#: PR_SET_CHILD_SUBREAPER of prctl(2).
_SUBREAPER = 36
#: Creates the video of the scene with this name.
_CLIP = [
    *("ffmpeg", "-loglevel", "error", "-f", "lavfi"),
    *("-i", "testsrc2=size=1280x720:rate=30:duration=5", "-c:v", "libx264", "-pix_fmt", "yuv420p"),
]
_RENDERS = ("orchestrator render", "helios render", "remotion render", "hyperframes render")


@dataclass(frozen=True)
class Scene:
    """A page of `benchmarks/scenes`, and whether it is drawn with Remotion, too."""

    name: str
    frames: int
    width: int = 1920
    height: int = 1080
    in_remotion: bool = False


SCENES_BY_NAME = {
    scene.name: scene
    for scene in (
        Scene("tiny", 30, 640, 360),
        Scene("gradient", 150, in_remotion=True),
        Scene("ball", 150, in_remotion=True),
        Scene("deck", 600, in_remotion=True),
        Scene("video", 150),
    )
}


@dataclass(frozen=True)
class Used:
    """Processor seconds of all processes of a command, and elapsed seconds."""

    cpu: float
    wall: float


def measure(
    words: Sequence[str], *, folder: Path | None = None, env: Mapping[str, str] | None = None
) -> Used:
    """Run a command; return the time of its processes.

    Processes that outlive their parents become children of this one, which waits for them.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0)
    before = _children_seconds()
    began = time.perf_counter()
    call(words, folder=folder, timeout=TIMEOUT, env=env)
    wall = time.perf_counter() - began
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return Used(_children_seconds() - before, wall)


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def install() -> None:
    """Install HyperFrames and the Node.js that it needs if they are missing."""
    peers.install(HYPERFRAMES, "hyperframes")


def command_of(render: str, scene: Scene, pages: Path, output: Path) -> list[str] | None:
    """Return the command for rendering a scene; None if the scene can't be rendered by it.

    Args:
        pages: Folder with copies of the scenes, in `hyperframes` those for HyperFrames.
    """
    page = str(pages / scene.name)
    size = [*("--width", str(scene.width)), *("--height", str(scene.height))]
    match render:
        case "orchestrator render":
            words = [str(COMMANDS / "orchestrator"), "render", page, "-o", str(output)]
            return [*words, "--frames", str(scene.frames), *size]
        case "helios render":
            words = [str(COMMANDS / "helios"), "render", page, "-o", str(output)]
            return [*words, "--frame-count", str(scene.frames), *size, "--no-audio"]
        case "hyperframes render":
            program = HYPERFRAMES / "node_modules" / ".bin" / "hyperframes"
            return [
                str(program),
                "render",
                str(pages / "hyperframes" / scene.name),
                "-o",
                str(output),
            ]
    program = REMOTION / "node_modules" / ".bin" / "remotion"
    if not scene.in_remotion or not program.exists():
        return None
    browser = f"--browser-executable={shutil.which('chromium-headless-shell')}"
    return [str(program), "render", "src/index.js", scene.name, str(output), browser]


def environment_of(render: str) -> dict[str, str] | None:
    """Return the environment of a command; None for that of this process."""
    if render != "hyperframes render":
        return None
    programs = HYPERFRAMES / "node_modules" / ".bin"
    return {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HYPERFRAMES_BROWSER_PATH": str(shutil.which("chromium-headless-shell")),
        "HYPERFRAMES_NO_TELEMETRY": "1",
        "HYPERFRAMES_NO_UPDATE_CHECK": "1",
    }


def copy_scenes(pages: Path) -> None:
    """Copy all scenes to a folder, and those for HyperFrames to its folder `hyperframes`."""
    shutil.copytree(SCENES, pages)
    call([*_CLIP, str(pages / "video/clip.mp4")])
    projects = pages / "hyperframes"
    shutil.copytree(pages, projects, ignore=shutil.ignore_patterns("hyperframes"))
    others = shutil.ignore_patterns("node_modules", "*.json", "*.md")
    shutil.copytree(HYPERFRAMES, projects, ignore=others, dirs_exist_ok=True)


def run(
    *, rounds: int = 5, scenes: Sequence[str] = tuple(SCENES_BY_NAME), report: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Measure every scene in interleaved rounds; return a row for each scene and command."""
    install()
    samples: dict[tuple[str, str], list[Used]] = {}
    pictures: dict[tuple[str, str], dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="helios-trees-") as folder:
        pages = Path(folder, "scenes")
        copy_scenes(pages)
        for number in range(rounds):
            for scene in map(SCENES_BY_NAME.__getitem__, scenes):
                is_last = number == rounds - 1
                frames = exact_frames(scene, pages, Path(folder, scene.name)) if is_last else None
                for render in sorted(_RENDERS, reverse=number % 2 == 1):
                    output = Path(folder, f"{number}-{render.split()[0]}-{scene.name}.mp4")
                    words = command_of(render, scene, pages, output)
                    if words is None:
                        continue
                    used = measure(words, folder=REMOTION, env=environment_of(render))
                    check_frames(output, scene.frames)
                    samples.setdefault((scene.name, render), []).append(used)
                    if frames is not None:
                        pictures[scene.name, render] = {
                            "bytes": output.stat().st_size,
                            "psnr": round(psnr(output, frames), 2),
                        }
                    report(f"{number + 1}/{rounds} {scene.name} {render} {used.cpu:.2f} CPU s")
    return [{**_row(*key, taken), **pictures[key]} for key, taken in samples.items()]


def exact_frames(scene: Scene, pages: Path, folder: Path) -> Path:
    """Render a scene's frames as PNG files into a folder, and return the folder."""
    words = [str(COMMANDS / "helios"), "render", str(pages / scene.name), "-o", str(folder)]
    size = [*("--width", str(scene.width)), *("--height", str(scene.height))]
    call([*words, "--frame-count", str(scene.frames), *size], timeout=TIMEOUT)
    return folder


def _row(scene: str, render: str, taken: Sequence[Used]) -> dict[str, Any]:
    cpu = [used.cpu for used in taken]
    return {
        "scene": scene,
        "render": render,
        "frames": SCENES_BY_NAME[scene].frames,
        "cpuSeconds": round(statistics.median(cpu), 2),
        "cpuSpread": [round(min(cpu), 2), round(max(cpu), 2)],
        "seconds": round(statistics.median(used.wall for used in taken), 2),
    }


def main() -> None:
    """Print the rows as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scene", action="append", choices=list(SCENES_BY_NAME))
    options = parser.parse_args()

    def report(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    rows = run(rounds=options.rounds, scenes=options.scene or list(SCENES_BY_NAME), report=report)
    print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
