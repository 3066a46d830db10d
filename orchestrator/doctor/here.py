"""The checkup of this machine: the programs that looking at pages and joining takes."""

import shutil
import sys
from collections.abc import Iterator

from helios import __version__
from helios.errors import ProgramMissing
from helios.media.ffmpeg import available_encoders
from helios.renderer.browser.chromium import find_browser
from orchestrator.doctor.base import Finding, Health

_INSTALL = "Run `make setup`, or install it by hand."


def check_here() -> Iterator[Finding]:
    """Yield what is found on this machine."""
    python = ".".join(map(str, sys.version_info[:3]))
    yield Finding("client", Health.OK, f"version {__version__}, Python {python}")
    try:
        yield Finding("browser", Health.OK, str(find_browser()))
    except ProgramMissing as fault:
        yield Finding("browser", Health.PROBLEM, fault.message, fault.hint or _INSTALL)
    for program in ("ffmpeg", "ffprobe"):
        path = shutil.which(program)
        if path is None:
            yield Finding(program, Health.PROBLEM, f"{program} is not installed", _INSTALL)
        else:
            yield Finding(program, Health.OK, path)
    if shutil.which("ffmpeg") is None:
        return
    if "libx264" in available_encoders():
        yield Finding("encoder", Health.OK, "libx264 is there")
    else:
        yield Finding(
            "encoder",
            Health.PROBLEM,
            "ffmpeg has no libx264, which H.264 takes",
            "Install an ffmpeg that has it, or choose another --codec.",
        )
