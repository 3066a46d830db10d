"""Libraries from npm, at the versions that `package-lock.json` pins."""

import fcntl
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from helios.renderer import dialects

_HERE = Path(__file__).parent
#: Held while the packages are installed.
_TURN = _HERE.parents[1] / ".setup" / "libraries.lock"


def require_lottie_player() -> None:
    """Skip a test of Lottie files where there was no npm to install their player by."""
    if not (resources.files(dialects) / "players/node_modules/lottie-web").is_dir():
        pytest.skip("lottie-web is missing: install Node.js 22 or newer, and run make setup")


class Libraries:
    """The packages of `package.json`, installed when one is first asked for."""

    def __init__(self) -> None:
        self._installed = False

    def copy(self, source: str, target: Path) -> None:
        """Copy a file or a folder of `node_modules`."""
        self._install()
        path = _HERE / "node_modules" / source
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True)
        else:
            shutil.copy(path, target)

    def _install(self) -> None:
        if self._installed:
            return
        if shutil.which("npm") is None:
            pytest.skip("npm is missing: install Node.js 22 or newer")
        # Test processes that need it at once wait for the one that makes it.
        _TURN.parent.mkdir(exist_ok=True)
        with _TURN.open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            _install_packages()
        self._installed = True


def _install_packages() -> None:
    lock, done = _HERE / "package-lock.json", _HERE / "node_modules" / ".package-lock.json"
    if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(command, cwd=_HERE, check=True)
        done.touch()
    # A few milliseconds, so that a bundle is never older than what it is made of.
    bundle = ["node", "bundles/build.mjs", "node_modules/.bundles"]
    subprocess.run(bundle, cwd=_HERE, check=True)
    _bundle_remotion(lock)


def _bundle_remotion(lock: Path) -> None:
    made = _HERE / "node_modules/.bundles/remotion/index.html"
    sources = [lock, _HERE / "bundles/remotion.mjs", _HERE / "bundles/remotion/index.js"]
    newest = max(source.stat().st_mtime for source in sources)
    # Two seconds, and writes to the console.
    if not made.exists() or made.stat().st_mtime < newest:
        command = ["node", "bundles/remotion.mjs", str(made.parent)]
        subprocess.run(command, cwd=_HERE, check=True, capture_output=True)
