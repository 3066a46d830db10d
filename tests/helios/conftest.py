"""Drives the `helios` command as a process, and finds all that it leaves behind."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from helios.errors import Report, parse_report

from .worker_setup import WorkerSetup

HELIOS = str(Path(sys.executable).with_name("helios"))
#: Environment variable by which a command's processes are known, wherever they went.
_MARKER = "HELIOS_TEST_COMMAND"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def error(self) -> Report:
        found = parse_report(self.stderr)
        assert found is not None, self.stderr
        return found


class Running:
    """A command on its way."""

    def __init__(self, process: "subprocess.Popen[str]", marker: str) -> None:
        self._process = process
        self._marker = marker
        self._known: set[psutil.Process] = set()

    def family(self) -> list[psutil.Process]:
        """Return the processes that it started and that live."""
        marked = {process for process in psutil.process_iter() if self._is_marked(process)}
        self._known |= marked
        for process in marked:
            # A browser's pages write their names where others have their environment.
            with contextlib.suppress(psutil.Error):
                self._known |= set(process.children(recursive=True))
        return [process for process in self._known if _lives(process)]

    def _is_marked(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(_MARKER) == self._marker
        except psutil.Error:
            return False

    def find(self, *words: str) -> list[psutil.Process]:
        """Return the command's processes that have these words on their command lines."""
        found = []
        for process in self.family():
            with contextlib.suppress(psutil.Error):
                line = process.cmdline()
                # Where the browser is started by a script, both have its arguments.
                if not line or Path(line[0]).name in ("sh", "bash", "dash"):
                    continue
                if all(any(word in argument for argument in line) for word in words):
                    found.append(process)
        return found

    def wait_until(self, condition: Callable[[], bool], *, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it took too long"
            assert self._process.poll() is None, self._process.communicate()
            self.family()
            time.sleep(0.02)

    def send(self, number: signal.Signals) -> None:
        self.family()
        self._process.send_signal(number)

    def end(self, *, seconds: float = 120) -> Ended:
        """Wait for its end; none of its processes may outlive it."""
        try:
            stdout, stderr = self._process.communicate(timeout=seconds)
        finally:
            left = self.family()
            for process in left:
                process.kill()
            self._process.wait()
        assert left == []
        return Ended(self._process.returncode, stdout, stderr)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


class Desk:
    """A folder with pages, in which commands run."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.folder = folder
        self.scratch = scratch

    def page(self, body: str, *, name: str = "page.html") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        head = '<!doctype html><meta charset="utf-8"><style>body { margin: 0 }</style>'
        path.write_text(f"{head}<body>{body}</body>", "utf-8")
        return path

    def start(self, *arguments: object, env: Mapping[str, str] | None = None) -> Running:
        marker = secrets.token_hex(8)
        process = subprocess.Popen(
            [HELIOS, *map(str, arguments)],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(self.scratch), _MARKER: marker, **(env or {})},
            start_new_session=True,
        )
        return Running(process, marker)

    def run(self, *arguments: object, env: Mapping[str, str] | None = None) -> Ended:
        """Run a command to its end, which leaves no processes and no temporary files."""
        done = self.start(*arguments, env=env).end()
        assert list(self.scratch.iterdir()) == []
        return done

    def render(self, *arguments: object, env: Mapping[str, str] | None = None) -> Ended:
        """Render twelve small frames of `page.html`, unless told otherwise; it has to succeed."""
        size = ("--width", 160, "--height", 90, "--frame-count", 12)
        done = self.run("render", "page.html", *size, *arguments, env=env)
        assert done.status == 0, done.stderr
        return done

    def names(self) -> list[str]:
        """Return the names of all files and folders, hidden ones as well."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    folder, scratch = tmp_path / "desk", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    return Desk(folder, scratch)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[WorkerSetup]:
    made = WorkerSetup(tmp_path / "site")
    yield made
    made.close()
