"""The documentation says what is there: every flag, every error code, no dead link."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

import helios.cli
import helios.errors
import orchestrator.cli

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)")


def _commands(app: typer.Typer) -> dict[str, Any]:
    """Return all commands by what people type, those of groups too."""

    def below(command: Any, typed: str) -> dict[str, Any]:
        if not hasattr(command, "commands"):
            return {typed: command}
        found = [below(child, f"{typed} {name}") for name, child in command.commands.items()]
        return {typed: child for group in found for typed, child in group.items()}

    return below(typer.main.get_command(app), str(app.info.name))


def _codes() -> set[str]:
    classes = [value for value in vars(helios.errors).values() if isinstance(value, type)]
    return {c.code for c in classes if issubclass(c, helios.errors.HeliosError)}


@pytest.mark.parametrize("app", [helios.cli.app, orchestrator.cli.app], ids=["helios", "orch"])
def test_the_command_line_page_names_every_command_and_flag(app: typer.Typer) -> None:
    page = (ROOT / "docs/cli.md").read_text("utf-8")
    for typed, command in _commands(app).items():
        assert typed in page
        for parameter in command.params:
            if parameter.param_type_name == "option":
                for flag in [*parameter.opts, *parameter.secondary_opts]:
                    assert f"`{flag}" in page, f"{typed} {flag}"


def test_the_troubleshooting_page_explains_every_error_code_and_no_other() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text("utf-8")
    explained = set(re.findall(r"^\| `([A-Z_]+)`", page, re.MULTILINE))
    assert explained == _codes()


def test_codes_that_are_retried_are_marked_so() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text("utf-8")
    marked = set(re.findall(r"^\| `([A-Z_]+)` \(retried\)", page, re.MULTILINE))
    classes = [value for value in vars(helios.errors).values() if isinstance(value, type)]
    errors = [c for c in classes if issubclass(c, helios.errors.HeliosError)]
    # A job or a merge as a whole is retryable by a person, not by the executor.
    whole = {"JOB_FAILED", "CIRCUIT_OPEN", "MERGE_FAILED"}
    assert marked == {c.code for c in errors if c.retryable} - whole


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_between_pages_is_dead(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text("utf-8")):
        linked = (page.parent / target).resolve() if target else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text("utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", h).lower().replace(" ", "-") for h in headings}
            assert anchor[1:] in slugs, f"{target}{anchor}"
