"""The rules of docs/architecture.md that a machine can check."""

import importlib.util
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: Each costs 0.1 s or more to import, which every `--help` and every chunk's start would pay.
#: (pydantic is not here: a job spec is read before most commands can do anything.)
HEAVY_MODULES = {
    "aiohttp",
    "aws_cdk",
    "boto3",
    "botocore",
    "flask",
    "google",
    "moto",
    "numpy",
    "obstore",
    "PIL",
    "zstandard",
}


def test_packages_import_only_what_they_may() -> None:
    lint = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as m; m()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert lint.returncode == 0, lint.stdout + lint.stderr


def test_import_rules_cover_every_package_of_the_wheel() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]

    shipped = set(tools["hatch"]["build"]["targets"]["wheel"]["packages"])

    assert shipped <= set(tools["importlinter"]["root_packages"])


@pytest.mark.parametrize("module", ["helios", "orchestrator"])
def test_a_package_is_imported_without_modules_of_its_own_or_others(module: str) -> None:
    names = importlib.import_module(module).__all__
    assert all(hasattr(importlib.import_module(module), name) for name in names)
    imported = imported_by(module)
    own = {"helios", "helios.lazy_names", module}
    assert {name for name in imported if name.startswith(("helios", "orchestrator"))} == own
    tops = {name.partition(".")[0] for name in imported}
    assert not tops & {*HEAVY_MODULES, "pydantic", "rich", "typer"}


@pytest.mark.parametrize("module", ["helios.cli", "orchestrator.cli"])
def test_a_command_line_starts_without_heavy_modules(module: str) -> None:
    imported = {name.partition(".")[0] for name in imported_by(module)}
    assert not imported & HEAVY_MODULES


def imported_by(module: str) -> set[str]:
    """Return the modules that importing one brings into a new interpreter."""
    assert importlib.util.find_spec(module), f"{module} does not exist"
    # Some namespace packages (google) are there from the interpreter's start.
    program = (
        f"import json, sys; there = set(sys.modules); import {module};"
        "print(json.dumps(sorted(set(sys.modules) - there)))"
    )

    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout))
