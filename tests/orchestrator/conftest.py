"""Drives the public commands as processes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from sandbox.clouds import aws_side, google_side
from tests.orchestrator.cloud_sites import DRAWS, Clouds
from tests.processes import lives

ORCHESTRATOR = str(Path(sys.executable).with_name("orchestrator"))

#: A page on which something moves in every frame.
PAGE = """<!doctype html><html{declared}><meta charset="utf-8"><style>
body {{ margin: 0; background: #204060 }}
div {{ width: 20px; height: 20px; background: #fc0; animation: go 2s linear infinite }}
@keyframes go {{ to {{ transform: translate(140px, 70px) }} }}
</style><div></div>{more}</html>"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout.splitlines()]


class Command:
    """A command that runs in a folder."""

    def __init__(self, folder: Path, arguments: tuple[object, ...], env: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [ORCHESTRATOR, *map(str, arguments)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(folder / "tmp"), **env},
            start_new_session=True,
        )
        self._known: set[psutil.Process] = set()

    def family(self) -> set[psutil.Process]:
        """Return the processes that it started, as far as they were ever seen."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._known |= set(psutil.Process(self.process.pid).children(recursive=True))
        return {process for process in self._known if lives(process)}

    def wait_until(self, condition: Callable[[], bool], *, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it took too long"
            assert self.process.poll() is None, self.end()
            self.family()
            time.sleep(0.02)

    def wait_for_orphans(self, *, seconds: float = 60) -> None:
        """Wait until what it had started is gone, after it was killed itself."""
        deadline = time.monotonic() + seconds
        while self.family():
            assert time.monotonic() < deadline, self.family()
            time.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        self.family()
        os.kill(self.process.pid, number)

    def end(self, *, seconds: float = 200) -> Ended:
        stdout, stderr = self.process.communicate(timeout=seconds)
        return Ended(self.process.returncode, stdout, stderr)


class Bench:
    """A folder with a page, in which commands run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tmp = folder / "tmp"
        self.tmp.mkdir()
        self.jobs = folder.with_name(f"{folder.name}-jobs")
        self.page()

    def page(
        self, name: str = "page.html", *, declared: str = ' data-duration="0.4"', more: str = ""
    ) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PAGE.format(declared=declared, more=more), "utf-8")

    def start(self, *arguments: object, env: Mapping[str, str] | None = None) -> Command:
        return Command(self.folder, arguments, {"HELIOS_JOBS": str(self.jobs), **(env or {})})

    def run(self, *arguments: object, env: Mapping[str, str] | None = None) -> Ended:
        return self.start(*arguments, env=env).end()

    def names(self, folder: str = ".") -> list[str]:
        return sorted(path.name for path in (self.folder / folder).iterdir())


@pytest.fixture(scope="session")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clouds]:
    """Both clouds' stand-ins; tests that use them share one worker: `xdist_group("clouds")`."""
    folder = tmp_path_factory.mktemp("clouds")
    with (
        aws_side(folder, at_once=2, variables=DRAWS) as aws,
        google_side(folder, at_once=2, variables=DRAWS) as google,
    ):
        yield Clouds(aws, google)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)
