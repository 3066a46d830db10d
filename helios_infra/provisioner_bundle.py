"""Bundles the code of the function that deploys to Cloud Run, without a container engine."""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from helios.errors import ProgramMissing

_ROOT = Path(__file__).parents[1]
#: Locked requirements of the function.
REQUIREMENTS = _ROOT / "helios_infra/cloud_run/requirements.lock"
#: Modules of this project in the bundle.
SOURCES = (
    "helios/__init__.py",
    "helios/contract/__init__.py",
    "helios/contract/wire_model.py",
    "helios/errors/*.py",
    "helios/lazy_names.py",
    "helios_infra/__init__.py",
    "helios_infra/cloud_run/**/*.py",
)
#: Wheels that Lambda's Amazon Linux 2023 can load.
PLATFORMS = ("manylinux2014_{processor}", "manylinux_2_28_{processor}")
# Not needed to run.
_SURPLUS = ("**/__pycache__", "**/tests", "**/*.pyi", "bin", "*.dist-info/RECORD")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionerBundle:
    """The locked packages for Lambda's processor, and the project's own beside them.

    Args:
        python: Version of Python that it runs on, such as 3.14.
        processor: x86_64 or aarch64.
    """

    python: str
    processor: str = "x86_64"

    def digest(self) -> str:
        """Return what changes whenever the bundle does."""
        digest = hashlib.sha256(f"{self.python} {self.processor}".encode())
        for path in (REQUIREMENTS, Path(__file__), *_sources()):
            digest.update(f"\0{path.relative_to(_ROOT)}\0".encode() + path.read_bytes())
        return digest.hexdigest()

    def put_together(self, folder: Path) -> None:
        """Put the bundle into an empty folder.

        Raises:
            ProgramMissing: pip couldn't install a package.
        """
        self._install(folder)
        self.copy_sources(folder)
        for pattern in _SURPLUS:
            for path in list(folder.glob(pattern)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def copy_sources(self, folder: Path) -> None:
        """Copy what of this project it runs."""
        for path in _sources():
            target = folder / path.relative_to(_ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)

    def _install(self, folder: Path) -> None:
        platforms = [platform.format(processor=self.processor) for platform in PLATFORMS]
        command = [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--no-compile", "--only-binary=:all:", "--implementation", "cp"),
            *("--python-version", self.python, "--target", str(folder)),
            *(f"--platform={platform}" for platform in platforms),
            *("--require-hashes", "--requirement", str(REQUIREMENTS)),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ProgramMissing(
                f"packages of the function that deploys to Cloud Run: {done.stderr.strip()}",
                hint="They come from the package index that pip is set to; try again.",
            )


def _sources() -> list[Path]:
    return sorted(path for pattern in SOURCES for path in _ROOT.glob(pattern))
