"""Notifications of the terminal after long commands."""

import io
from types import SimpleNamespace

import pytest

from helios.errors import Cancelled, HeliosError, JobFailed
from orchestrator.cli.notification import notify, notifying


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def stands_for(file: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a file take the place of stderr, in the module alone: pytest changes it in all."""
    streams = SimpleNamespace(stderr=file)
    monkeypatch.setattr("orchestrator.cli.notification.sys", streams)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    found = Terminal()
    stands_for(found, monkeypatch)
    for name in ("VTE_VERSION", "TERM"):
        monkeypatch.delenv(name, raising=False)
    return found


def test_the_end_of_a_long_command_is_told_with_a_bell_and_a_notification(
    terminal: Terminal,
) -> None:
    with notifying(True, "out.mp4", long=0):
        pass
    assert terminal.getvalue() == "\a\x1b]9;out.mp4: finished\x1b\\"


def test_a_failure_is_told_with_its_code(terminal: Terminal) -> None:
    with pytest.raises(JobFailed), notifying(True, "out.mp4", long=0):
        raise JobFailed("no")
    assert "]9;out.mp4: failed, JOB_FAILED" in terminal.getvalue()


@pytest.mark.parametrize(
    ("wanted", "seconds", "fault"),
    [(False, 0, None), (True, 60, None), (True, 0, Cancelled("stopped"))],
    ids=["unwanted", "short", "stopped"],
)
def test_nothing_is_told_that_nobody_waits_for(
    terminal: Terminal, wanted: bool, seconds: float, fault: HeliosError | None
) -> None:
    try:
        with notifying(wanted, "out.mp4", long=seconds):
            if fault is not None:
                raise fault
    except Cancelled:
        pass
    assert terminal.getvalue() == ""


def test_nothing_is_told_to_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    stands_for(file, monkeypatch)
    with notifying(True, "out.mp4", long=0):
        pass
    assert file.getvalue() == ""


@pytest.mark.parametrize("env", [{"VTE_VERSION": "7600"}, {"TERM": "foot-extra"}])
def test_terminals_of_vte_are_told_in_their_way(env: dict[str, str]) -> None:
    terminal = io.StringIO()
    notify("a;b\x1b\n.mp4", terminal, env)
    assert terminal.getvalue() == "\a\x1b]777;notify;orchestrator;a,b??.mp4\x1b\\"
