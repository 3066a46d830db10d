"""Libraries from npm, at the versions that `package-lock.json` pins."""

import shutil
import subprocess
from pathlib import Path

import pytest

_HERE = Path(__file__).parent


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
            pytest.skip("npm is missing: install Node.js 20 or newer")
        lock, done = _HERE / "package-lock.json", _HERE / "node_modules" / ".package-lock.json"
        if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
            subprocess.run(command, cwd=_HERE, check=True)
            done.touch()
        # A few milliseconds, so that a bundle is never older than what it is made of.
        bundle = ["node", "bundles/build.mjs", "node_modules/.bundles"]
        subprocess.run(bundle, cwd=_HERE, check=True)
        self._installed = True
