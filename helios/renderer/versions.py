"""Versions that pixels depend on: renderer, browser, encoder and fonts."""

import hashlib
import shutil
import subprocess
from collections.abc import Sequence

from helios import __version__
from helios.media.ffmpeg import ffmpeg_version
from helios.renderer.browser.chromium import find_browser


def renderer_versions() -> dict[str, str]:
    """Return a text for each component, which changes when its output may change."""
    browser = str(find_browser())
    return {
        "helios": __version__,
        "browser": f"{browser} {_output_of([browser, '--version'])}",
        "ffmpeg": ffmpeg_version(),
        "fonts": _fonts(),
    }


def _fonts() -> str:
    """Return a digest of the fonts that are installed; empty without fontconfig."""
    if shutil.which("fc-list") is None:
        return ""
    fonts = sorted(_output_of(["fc-list", ":", "file", "fontversion"]).splitlines())
    return hashlib.sha256("\n".join(fonts).encode()).hexdigest()


def _output_of(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout.strip()
