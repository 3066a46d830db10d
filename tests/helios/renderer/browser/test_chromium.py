"""The browser: found, started, ended whole."""

import asyncio
import os
import signal
import tempfile
from functools import partial
from pathlib import Path

import psutil
import pytest

from helios.errors import BrowserCrashed, ProgramMissing
from helios.renderer.browser import chromium as browser
from helios.renderer.browser.chromium import find_browser, open_browser
from tests.processes import lives


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place for temporary files."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def program(path: Path, script: str = "exit 0") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_the_headless_shell_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HELIOS_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    chromium = program(tmp_path / "chromium")
    assert find_browser() == chromium
    shell = program(tmp_path / "chromium-headless-shell")
    assert find_browser() == shell


def test_the_environment_names_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    program(tmp_path / "chromium")
    mine = program(tmp_path / "mine/browser")
    monkeypatch.setenv("HELIOS_BROWSER", str(mine))
    assert find_browser() == mine
    assert find_browser("chromium") == tmp_path / "chromium"


def test_a_browser_that_is_not_there_is_told_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browser, "_MAC_BROWSERS", ())
    monkeypatch.setenv("HELIOS_BROWSER", "netscape")
    with pytest.raises(ProgramMissing, match="netscape"):
        find_browser()
    monkeypatch.delenv("HELIOS_BROWSER")
    with pytest.raises(ProgramMissing, match="chromium-headless-shell") as caught:
        find_browser()
    assert "apt-get install" in caught.value.hint


def open_files() -> int:
    return psutil.Process().num_fds()


async def start(path: Path) -> None:
    async with open_browser(program=path):
        pytest.fail("it can't have started")


def test_a_program_that_cannot_be_run_is_missing(tmp_path: Path, scratch: Path) -> None:
    path = tmp_path / "text"
    path.write_text("no program")
    before = open_files()
    with pytest.raises(ProgramMissing, match="can't be started"):
        asyncio.run(start(path))
    assert list(scratch.iterdir()) == []
    assert open_files() == before


def test_a_browser_that_ends_at_once_is_told_with_what_it_said(
    tmp_path: Path, scratch: Path
) -> None:
    path = program(tmp_path / "browser", "echo 'no usable sandbox' >&2; exit 1")
    with pytest.raises(BrowserCrashed) as caught:
        asyncio.run(start(path))
    assert caught.value.details == ("no usable sandbox",)
    assert "HELIOS_NO_SANDBOX" in caught.value.hint
    assert list(scratch.iterdir()) == []


def test_a_silent_browser_is_ended_with_its_child_processes(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser, "START_TIMEOUT", 0.3)
    path = program(tmp_path / "browser", f"sleep 60 & echo $! > {tmp_path}/child; wait")
    with pytest.raises(BrowserCrashed):
        asyncio.run(start(path))
    child = int((tmp_path / "child").read_text())
    assert not lives(child)
    assert list(scratch.iterdir()) == []


@pytest.mark.browser
def test_a_browser_is_gone_with_its_processes_and_files_when_it_is_closed(scratch: Path) -> None:
    async def work() -> list[psutil.Process]:
        async with open_browser() as opened:
            answer = await opened.devtools.send("Browser.getVersion")
            assert "Chrom" in answer["product"]
            assert [name.startswith("helios-browser-") for name in os.listdir(scratch)] == [True]  # noqa: PTH208
            process = psutil.Process(opened.pid)
            return [process, *process.children(recursive=True)]

    before = open_files()
    processes = asyncio.run(work())
    gone, alive = psutil.wait_procs(processes, timeout=30)
    assert gone
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []
    assert list(scratch.iterdir()) == []
    assert open_files() == before


@pytest.mark.browser
def test_what_waits_for_a_browser_that_dies_is_told(scratch: Path) -> None:
    async def work() -> None:
        async with open_browser() as opened:
            os.killpg(opened.pid, signal.SIGKILL)
            while True:
                await opened.devtools.send("Browser.getVersion")

    with pytest.raises(BrowserCrashed, match="the browser ended"):
        asyncio.run(work())
    assert list(scratch.iterdir()) == []


def test_answers_that_are_held_back_come_late_and_in_their_order() -> None:
    asked: list[str] = []

    def delay(method: str) -> float:
        asked.append(method)
        return 0.05 if len(asked) == 1 else 0

    async def work() -> list[str]:
        order: list[str] = []
        async with open_browser() as browser:
            browser.devtools.hold_back(delay)
            calls = ["Browser.getVersion", "Target.getTargets", "Browser.getVersion"]
            answers = [browser.devtools.start(method) for method in calls]
            for method, answer in zip(calls, answers, strict=True):
                answer.add_done_callback(partial(_note, order, method))
            await asyncio.gather(*answers)
            assert asked == calls
            return order

    assert asyncio.run(work()) == ["Browser.getVersion", "Target.getTargets", "Browser.getVersion"]


def _note(order: list[str], method: str, _answer: object) -> None:
    order.append(method)
