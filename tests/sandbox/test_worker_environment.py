"""Workers run with what their images install, and with nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.worker_environment import worker_environment

pytestmark = pytest.mark.slow

IMPORT_ALL = """
import importlib, pkgutil, sys

for top in sys.argv[1:]:
    for module in pkgutil.walk_packages(importlib.import_module(top).__path__, f"{top}."):
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            print(f"{module.name}: {error.name}")
"""

#: Packages for clouds that a worker isn't deployed to, with the library that it lacks.
NOT_SHIPPED = {
    "worker_lambda": [],
    "worker_cloudrun": ["helios.storage.s3: obstore"],
}


def run(worker: str, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = worker_environment(worker)
    return subprocess.run(
        [str(environment.python), *words],
        env=environment.variables(os.environ["PATH"]),
        cwd=environment.packages,  # Python also looks for modules where it stands
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("worker", NOT_SHIPPED)
def test_each_module_that_a_worker_ships_can_be_imported(worker: str) -> None:
    done = run(worker, "-c", IMPORT_ALL, "helios", worker)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == NOT_SHIPPED[worker]


@pytest.mark.parametrize("worker", NOT_SHIPPED)
@pytest.mark.parametrize("package", ["orchestrator", "pytest", "moto"])
def test_a_worker_has_nothing_that_its_image_lacks(worker: str, package: str) -> None:
    assert "ModuleNotFoundError" in run(worker, "-c", f"import {package}").stderr


@pytest.mark.parametrize("worker", NOT_SHIPPED)
def test_the_command_of_the_image_is_there(worker: str) -> None:
    helios = str(worker_environment(worker).programs / "helios")

    assert run(worker, helios, "--help").returncode == 0


#: Debian 13's C library runs packages that were built for any of these versions.
ARM64 = [f"manylinux_2_{version}_aarch64" for version in range(17, 42)]


@pytest.mark.long
@pytest.mark.parametrize("worker", NOT_SHIPPED)
def test_every_locked_package_is_built_for_arm64(worker: str, tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--quiet"]
    done = subprocess.run(
        [
            *(*pip, "--target", str(tmp_path), "--only-binary=:all:", "--python-version", "313"),
            *(word for name in ARM64 for word in ("--platform", name)),
            *("--require-hashes", "--requirement", f"{worker}/requirements.lock"),
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
