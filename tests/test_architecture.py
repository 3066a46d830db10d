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


@pytest.mark.parametrize(
    ("module", "more"),
    [("helios.cli", {"asyncio", "pydantic", "rich", "typer"}), ("orchestrator.cli", {"pydantic"})],
)
def test_a_command_line_starts_without_heavy_modules(module: str, more: set[str]) -> None:
    imported = {name.partition(".")[0] for name in imported_by(module)}
    assert not imported & {*HEAVY_MODULES, *more}


@pytest.mark.browser
@pytest.mark.slow
def test_a_chunk_is_rendered_without_modules_that_cost_more_than_they_do(tmp_path: Path) -> None:
    """Each costs as much as several frames, at the start of every chunk."""
    (tmp_path / "index.html").write_text("<body style='background: #123'>")
    words = ["helios", "render", str(tmp_path), "-o", str(tmp_path / "v.mp4"), "--no-audio"]
    words += ["--width", "64", "--height", "64", "--start-frame", "2", "--frame-count", "2"]
    words += ["--boundary-frames", str(tmp_path / "boundary"), "--trace", str(tmp_path / "trace")]
    imported = imported_by("sys", then=f"sys.argv = {words!r}; from helios.cli import main; main()")
    assert (tmp_path / "boundary").exists()
    assert (tmp_path / "trace").exists()
    tops = {name.partition(".")[0] for name in imported}
    assert not tops & {*HEAVY_MODULES, "email", "psutil", "pydantic", "rich", "typer"}


def imported_by(module: str, *, then: str = "pass") -> set[str]:
    """Return the modules that importing one, and then a statement, bring into a new process."""
    assert importlib.util.find_spec(module), f"{module} does not exist"
    # Some namespace packages (google) are there from the interpreter's start.
    program = (
        f"import json, sys; there = set(sys.modules); import {module}; {then};"
        "print(json.dumps(sorted(set(sys.modules) - there)))"
    )

    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout))


def test_a_display_that_is_no_terminal_needs_no_rich() -> None:
    choose = "from orchestrator.display.choice import choose_display as c"
    imported = imported_by("sys", then=f"{choose}; c(as_json=False, verbose=False)")
    assert not any(name.partition(".")[0] == "rich" for name in imported)


def test_a_page_that_this_machine_serves_needs_no_aiohttp() -> None:
    imported = imported_by("orchestrator.web.server", then="import orchestrator.web.followed_job")
    assert "aiohttp" not in imported
