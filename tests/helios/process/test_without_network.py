"""Programs that can't open a network connection, whatever they are told."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from helios.process import without_network
from helios.process.without_network import EXIT_UNAVAILABLE, network_filter

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() not in ("x86_64", "aarch64"),
    reason="filters are for Linux on x86-64 and ARM64",
)


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-I", "-S", without_network.__file__, *command],
        capture_output=True,
        text=True,
        check=False,
    )


TRY_SOCKETS = """
import socket
for family in ("AF_INET", "AF_INET6", "AF_NETLINK", "AF_UNIX"):
    kind = socket.SOCK_RAW if family == "AF_NETLINK" else socket.SOCK_STREAM
    try:
        socket.socket(getattr(socket, family), kind)
        print(family, "opens")
    except PermissionError:
        print(family, "refused")
"""


def test_only_local_sockets_open() -> None:
    done = run(sys.executable, "-c", TRY_SOCKETS)
    assert done.stdout.split("\n")[:4] == [
        "AF_INET refused",
        "AF_INET6 refused",
        "AF_NETLINK refused",
        "AF_UNIX opens",
    ]


def test_what_the_program_starts_has_no_network_either() -> None:
    inner = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {TRY_SOCKETS!r}])"
    assert "AF_INET refused" in run(sys.executable, "-c", inner).stdout


def test_io_uring_which_has_calls_of_its_own_is_refused() -> None:
    attempt = "import ctypes, os; l = ctypes.CDLL(None, use_errno=True); "
    attempt += "print(l.syscall(425, 8, None), os.strerror(ctypes.get_errno()))"
    assert run(sys.executable, "-c", attempt).stdout.strip() == "-1 Permission denied"


def test_ffmpeg_reads_no_url_by_any_flag(tmp_path: Path) -> None:
    url = "http://127.0.0.1:9/latest/meta-data"
    done = run("/usr/bin/env", "ffmpeg", "-http_proxy", "", "-i", url, str(tmp_path / "o.mp4"))
    assert done.returncode != 0
    assert "Permission denied" in done.stderr


def test_the_programs_arguments_output_and_status_are_its_own() -> None:
    done = run(sys.executable, "-c", "import sys; print(sys.argv[1:]); sys.exit(7)", "a b", "")
    assert (done.returncode, done.stdout) == (7, "['a b', '']\n")


def test_a_machine_without_a_filter_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyError):
        network_filter("riscv64")
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    monkeypatch.setattr(sys, "argv", ["without_network.py", "ffmpeg"])
    with pytest.raises(SystemExit) as ended:
        without_network.main()
    assert ended.value.code == EXIT_UNAVAILABLE
