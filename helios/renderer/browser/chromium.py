"""Starts and ends a headless Chromium with flags for reproducible frames."""

import asyncio
import contextlib
import fcntl
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from helios.errors import BrowserCrashed, ProgramMissing
from helios.renderer.browser.chromium_flags import FLAGS, machine_flags, script_flags
from helios.renderer.browser.devtools import DevTools
from helios.renderer.browser.network_flags import network_flags
from helios.renderer.raw_frames import FrameMemory, open_frame_memory

#: Supported browsers, best first: only the headless shell has `beginFrame`.
BROWSERS = (
    "chromium-headless-shell",
    "chrome-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
)
_MAC_BROWSERS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
#: Environment variable with the browser to use.
BROWSER_VARIABLE = "HELIOS_BROWSER"
#: Time limit of a browser's start in seconds.
START_TIMEOUT = 30.0
#: Seconds to wait for the end of a killed browser.
END_TIMEOUT = 2.0

#: Log lines of Chromium about the end of a process.
_FATAL_LINES = re.compile(r":FATAL:|\bOOM\b|[Oo]ut of memory|No space left|Received signal")
#: Makes the headless shell draw only at `beginFrame`.
_BEGIN_FRAME_FLAG = "--enable-begin-frame-control"


class Browser:
    """A running browser, the connection to it, and the memory for its raw frames, if any."""

    def __init__(
        self,
        pid: int,
        devtools: DevTools,
        *,
        draws_on_demand: bool,
        frame_memory: FrameMemory | None = None,
    ) -> None:
        self.pid = pid
        self.devtools = devtools
        self.draws_on_demand = draws_on_demand
        self.frame_memory = frame_memory


def find_browser(name: str | None = None) -> Path:
    """Return the browser's program: `name`, else `$HELIOS_BROWSER`, else the first of `BROWSERS`.

    Raises `ProgramMissing` if it isn't installed.
    """
    wanted = name or os.environ.get(BROWSER_VARIABLE)
    candidates = [wanted] if wanted else [*BROWSERS, *_MAC_BROWSERS]
    for candidate in candidates:
        if found := shutil.which(candidate):
            return Path(found)
    raise ProgramMissing(
        f"no browser: {', '.join(candidates[:3])} not found",
        hint="Install it (Debian: apt-get install chromium-headless-shell) or name one in "
        f"{BROWSER_VARIABLE}; `make setup` does it for you.",
    )


@contextlib.asynccontextmanager
async def open_browser(
    *,
    program: Path | None = None,
    extra_flags: Sequence[str] = (),
    network: Sequence[str] | None = None,
    on_demand: bool | None = None,
    raw_size: tuple[int, int] | None = None,
) -> AsyncIterator[Browser]:
    """Start a browser with an empty profile; end it and delete the profile afterwards.

    Raises `ProgramMissing` if no browser is installed, and `BrowserCrashed` if it didn't start.

    Args:
        program: The browser to start; by default the result of `find_browser`.
        extra_flags: Further command-line flags.
        network: Result of `network_flags`; by default network access isn't restricted.
        on_demand: Whether to draw frames only at `beginFrame`; by default if the browser supports
            it.
        raw_size: Width and height in pixels of pictures to get as raw frames, where that is
            possible; never if the browser draws by itself.
    """
    path = program or find_browser()
    if on_demand is None:
        on_demand = "headless-shell" in path.resolve().name or "headless-shell" in path.name
    profile = Path(tempfile.mkdtemp(prefix="helios-browser-"))
    try:
        if network is None:
            network = network_flags(local_port=None, proxy=None)
        flags = [
            *FLAGS,
            *machine_flags(),
            script_flags(),
            *network,
            f"--user-data-dir={profile}",
            *extra_flags,
        ]
        if on_demand:
            flags.append(_BEGIN_FRAME_FLAG)
        frame_memory = None
        if raw_size is not None and on_demand:
            frame_memory = open_frame_memory(profile, size=raw_size)
        variables = {} if frame_memory is None else frame_memory.environment
        pid, read_fd, write_fd = _spawn(path, flags, profile, variables)
        devtools = await DevTools.connect(read_fd, write_fd)
        try:
            await _await_start(devtools, profile)
            yield Browser(pid, devtools, draws_on_demand=on_demand, frame_memory=frame_memory)
        except BrowserCrashed as crash:
            crash.details = crash.details or tuple(_fatal_lines(profile))
            raise
        finally:
            devtools.close()
            await asyncio.shield(asyncio.to_thread(_end, pid))
    finally:
        shutil.rmtree(profile, ignore_errors=True)


def _fatal_lines(profile: Path) -> list[str]:
    """Return the lines of the browser's log about the end of one of its processes."""
    log = (profile / "stderr.log").read_text(errors="replace").splitlines()
    return [line for line in log if _FATAL_LINES.search(line)][-8:]


def _spawn(
    path: Path, flags: Sequence[str], profile: Path, variables: Mapping[str, str]
) -> tuple[int, int, int]:
    """Start the program with the protocol's pipes as file descriptors 3 and 4."""
    to_browser, write_fd = os.pipe()
    read_fd, from_browser = os.pipe()
    # Descriptors above 4, so that `dup2` of one pipe can't close the other.
    child_ends = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (to_browser, from_browser)]
    os.close(to_browser)
    os.close(from_browser)
    log = os.open(profile / "stderr.log", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    actions = [
        (os.POSIX_SPAWN_DUP2, null, 0),
        (os.POSIX_SPAWN_DUP2, null, 1),
        (os.POSIX_SPAWN_DUP2, log, 2),
        (os.POSIX_SPAWN_DUP2, child_ends[0], 3),
        (os.POSIX_SPAWN_DUP2, child_ends[1], 4),
    ]
    # The profile is also the browser's home, as the real one may be read-only, and its folder for
    # temporary files, such as those of the audio library, so that all are removed with it.
    environment = {**os.environ, "HOME": str(profile), "TMPDIR": str(profile), **variables}
    try:
        # In its own process group, Ctrl-C in a terminal doesn't reach the browser; we end it.
        pid = os.posix_spawn(
            path, [str(path), *flags, "about:blank"], environment, file_actions=actions, setpgroup=0
        )
    except OSError as error:
        os.close(read_fd)
        os.close(write_fd)
        raise ProgramMissing(f"{path} can't be started: {error.strerror}") from error
    finally:
        for fd in (*child_ends, log, null):
            os.close(fd)
    return pid, read_fd, write_fd


async def _await_start(devtools: DevTools, profile: Path) -> None:
    try:
        async with asyncio.timeout(START_TIMEOUT):
            await devtools.send("Browser.getVersion")
    except (TimeoutError, BrowserCrashed) as error:
        log = (profile / "stderr.log").read_text(errors="replace").splitlines()[-8:]
        raise BrowserCrashed(
            "the browser didn't start",
            hint="As a user other than root it needs user namespaces; in a container without "
            "them set HELIOS_NO_SANDBOX=1.",
            details=log,
        ) from error


def _end(pid: int) -> None:
    """Kill the browser's process group and reap it."""
    deadline = time.monotonic() + END_TIMEOUT
    # With only closed pipes it would write its profile before it ends.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    while time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            done, _ = os.waitpid(pid, os.WNOHANG)
            if done == 0:
                time.sleep(0.005)
                continue
        return
    sys.stderr.write(f"browser process {pid} did not end\n")
