"""The Python environment of a worker: the packages of its lock file and its image.

Workers that run as processes use it, so that tests fail if the image lacks a library.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_FOLDER = _ROOT / ".setup" / "workers"
#: Marks a complete environment.
_WHOLE = ".whole"
#: The command of the image, as its Dockerfile writes it.
_HELIOS = "#!{python}\nfrom helios.cli import main\n\nmain()\n"


@dataclass(frozen=True)
class WorkerEnvironment:
    """Folders of a worker's programs and packages.

    Attributes:
        programs: Folder of `python`, `helios` and the scripts of locked packages.
        packages: Folder that holds `helios` and the worker's package, for `PYTHONPATH`.
    """

    programs: Path
    packages: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.programs / "python"

    def variables(self, path: str) -> dict[str, str]:
        """Return the environment variables that processes in it need.

        Args:
            path: Folders of other programs, as in `PATH`.
        """
        return {"PATH": f"{self.programs}:{path}", "PYTHONPATH": str(self.packages)}


@cache
def worker_environment(worker: str) -> WorkerEnvironment:
    """Return the environment of a worker's package, created from its lock file if needed.

    Raises:
        subprocess.CalledProcessError: The packages can't be installed.
    """
    lock = _ROOT / worker / "requirements.lock"
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode() + bytes(_ROOT)).hexdigest()
    folder = _FOLDER / f"{worker}-{digest[:12]}"
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with (_FOLDER / f"{worker}.lock").open("w") as turn:
        # Concurrent test processes wait for the one that creates it.
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not (folder / _WHOLE).exists():
            for old in _FOLDER.glob(f"{worker}-*"):
                shutil.rmtree(old)
            _make(folder, worker, lock)
    return WorkerEnvironment(programs=folder / "bin", packages=folder / "packages")


def _make(folder: Path, worker: str, lock: Path) -> None:
    python = folder / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", str(lock)], check=True)
    packages = folder / "packages"
    packages.mkdir()
    for package in ("helios", worker):
        (packages / package).symlink_to(_ROOT / package)
    helios = folder / "bin" / "helios"
    helios.write_text(_HELIOS.format(python=python))
    helios.chmod(0o755)
    (folder / _WHOLE).touch()


if __name__ == "__main__":
    for name in ("worker_lambda", "worker_cloudrun"):
        worker_environment(name)
