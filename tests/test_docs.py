"""What the documentation names exists: commands, flags, error codes, variables, files, links."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

import helios.cli
import helios.errors
import orchestrator.cli
from helios.cli.command_parser import flags_of
from helios.contract.messages.render_warning import WARNING_CODES

ROOT = Path(__file__).parent.parent
CHANGELOG = ROOT / "CHANGELOG.md"
LINKED = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
#: The changelog also names what was removed.
PAGES = [page for page in LINKED if page != CHANGELOG]
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)")

CODE_SPAN = re.compile(r"(?<!`)(`{1,2})(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
#: Our two programs and their arguments, up to what ends a shell command.
OUR_COMMAND = re.compile(r"(?:^|[\s(/])(helios|orchestrator) ([^|;&>)#]*)")
#: `HELIOS_JOBS`, `JOB_FAILED`; and classes such as `JobExecutor`.
CONSTANT = re.compile(r"(?<![\w$-])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?![\w-])")
CLASS = re.compile(r"[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+")
SOURCE_FILE = re.compile(r"(?<![\w./<-])(?:[\w.-]+/)*[\w.-]+\.(?:py|js|lock|toml)(?![\w.])")
#: What other programs are called, and take.
FOREIGN_FILES = {"hls.js"}
FOREIGN_FLAGS = {
    "--install-completion",
    "--show-completion",
    "--build-arg",
    "--remote-debugging-pipe",
}
FOREIGN_VARIABLES = re.compile(r"AWS_\w+|GOOGLE_\w+|CDK_DOCKER|XDG_\w+")
#: The template that the stack deploys: it has names that the CDK puts together.
TEMPLATE = "tests/helios_infra/snapshot.json"


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _spans(page: str) -> list[str]:
    """Return what a page sets as code within sentences and tables."""
    prose = FENCE.sub("", page)
    return [" ".join(span.split()) for _, span in CODE_SPAN.findall(prose)]


def _console_lines(page: str) -> list[str]:
    """Return the commands that a page tells people to type, each on one line."""
    blocks = [body for language, body in FENCE.findall(page) if language in ("console", "")]
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line[2:] for line in lines if line.startswith("$ ")]


def _named_in(page: Path) -> list[str]:
    text = page.read_text("utf-8")
    return [*_spans(text), *_console_lines(text)]


@cache
def _tracked() -> tuple[str, ...]:
    git = ["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z", "--cached"]
    listing = subprocess.run(
        [*git, "--others", "--exclude-standard"], capture_output=True, text=True, check=False
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    return tuple(name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file())


@cache
def _source() -> str:
    """Return the text of everything that runs: neither pages nor tests nor lock files."""
    texts = []
    for name in _tracked():
        is_test = name.startswith("tests/") and name != TEMPLATE
        if is_test or name.endswith((".md", ".lock", "package-lock.json")):
            continue
        content = (ROOT / name).read_bytes()
        if b"\0" not in content:
            texts.append(content.decode("utf-8", "replace"))
    return "\n".join(texts)


@cache
def _words() -> frozenset[str]:
    return frozenset(re.findall(r"\w+", _source()))


def _commands(app: typer.Typer) -> dict[str, set[str]]:
    """Return the flags of all commands by what people type, those of groups too."""

    def below(command: Any, typed: str) -> dict[str, set[str]]:
        if not hasattr(command, "commands"):
            options = [each for each in command.params if each.param_type_name == "option"]
            return {typed: {flag for each in options for flag in each.opts + each.secondary_opts}}
        found = [below(child, f"{typed} {name}") for name, child in command.commands.items()]
        return {typed: child for group in found for typed, child in group.items()}

    return below(typer.main.get_command(app), str(app.info.name))


def _codes() -> set[str]:
    classes = [value for value in vars(helios.errors).values() if isinstance(value, type)]
    return {c.code for c in classes if issubclass(c, helios.errors.HeliosError)}


def test_the_command_line_page_names_every_command_and_flag() -> None:
    page = (ROOT / "docs/cli.md").read_text("utf-8")
    for typed, flags in _our_commands().items():
        assert typed in page
        for flag in flags:
            assert f"`{flag}" in page, f"{typed} {flag}"


def test_the_troubleshooting_page_explains_every_code_and_no_other() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text("utf-8")
    explained = set(re.findall(r"^\| `([A-Z_]+)`", page, re.MULTILINE))
    assert explained == _codes() | set(WARNING_CODES)


def test_codes_that_are_retried_are_marked_so() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text("utf-8")
    marked = set(re.findall(r"^\| `([A-Z_]+)` \(retried\)", page, re.MULTILINE))
    classes = [value for value in vars(helios.errors).values() if isinstance(value, type)]
    errors = [c for c in classes if issubclass(c, helios.errors.HeliosError)]
    # A job or a merge as a whole is retryable by a person, not by the executor.
    whole = {"JOB_FAILED", "CIRCUIT_OPEN", "MERGE_FAILED"}
    assert marked == {c.code for c in errors if c.retryable} - whole


@pytest.mark.parametrize("page", LINKED, ids=_name)
def test_no_link_between_pages_is_dead(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text("utf-8")):
        linked = (page.parent / target).resolve() if target else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text("utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", h).lower().replace(" ", "-") for h in headings}
            assert anchor[1:] in slugs, f"{target}{anchor}"


@cache
def _our_commands() -> dict[str, set[str]]:
    own = {
        f"helios {name}": {flag for _, _, flags in flags_of(command) for flag in flags}
        for name, command in helios.cli.COMMANDS.items()
    }
    return own | _commands(orchestrator.cli.app)


@cache
def _all_flags() -> frozenset[str]:
    """Return the flags of our commands, and those that make's targets hand on to scripts."""
    ours = {"--help"}.union(*_our_commands().values())
    scripts = set(re.findall(r"add_argument\(\s*\"(--[a-z-]+)\"", _source()))
    shell = set(re.findall(r"^ +(--[a-z-]+)\)", _source(), re.MULTILINE))
    return frozenset(ours | scripts | shell | FOREIGN_FLAGS)


def _calls(named: str) -> Iterator[tuple[str, str]]:
    """Yield each call of our programs in a line: its command, and the arguments after it.

    A program's name alone, or with an argument that no subcommand is, is a mention and no call.
    """
    for program, arguments in OUR_COMMAND.findall(f" {named}"):
        words = arguments.split()
        for length in (2, 1):
            typed = " ".join([program, *words[:length]])
            if typed in _our_commands():
                yield typed, " ".join(words[length:])
                break
        else:
            if words and re.fullmatch(r"[a-z]+", words[0]):
                yield f"{program} {words[0]}", ""


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_commands_in_pages_exist_and_take_the_flags_beside_them(page: Path) -> None:
    groups = {typed.rpartition(" ")[0] for typed in _our_commands()}
    unknown = []
    for named in _named_in(page):
        for typed, arguments in _calls(named):
            if typed in groups:
                continue
            command = _our_commands().get(typed)
            if command is None:
                unknown.append(typed)
            else:
                missing = set(FLAG.findall(arguments)) - {*command, "--help"}
                unknown += [f"{typed} {flag}" for flag in missing]
    assert unknown == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_flags_in_pages_exist(page: Path) -> None:
    spans = _spans(page.read_text("utf-8"))
    named = {flag for span in spans if span.startswith("--") for flag in FLAG.findall(span)}
    assert named - _all_flags() == set()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_error_codes_and_variables_in_pages_exist(page: Path) -> None:
    named = {name for text in _named_in(page) for name in CONSTANT.findall(text)}
    ours = {name for name in named if not FOREIGN_VARIABLES.fullmatch(name)}
    assert ours - _words() == set()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_classes_in_pages_exist(page: Path) -> None:
    named = {span for span in _spans(page.read_text("utf-8")) if CLASS.fullmatch(span)}
    assert named - _words() == set()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_files_in_pages_exist(page: Path) -> None:
    paths = {f"/{name}" for name in _tracked()}
    there = paths | {str(parent) for path in paths for parent in Path(path).parents}
    folders = {name.partition("/")[0] for name in _tracked() if "/" in name}
    missing = []
    for text in _named_in(page):
        whole = [word for word in text.split() if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", word)]
        own = [word for word in whole if word.split("/")[0] in folders and "/" in word]
        missing += [w for w in own if f"/{w.rstrip('/')}" not in there and "node_modules" not in w]
        files = set(SOURCE_FILE.findall(text)) - FOREIGN_FILES
        missing += [f for f in files if not any(path.endswith(f"/{f}") for path in paths)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_make_targets_in_pages_exist(page: Path) -> None:
    targets = re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    named = {target for text in _named_in(page) for target in re.findall(r"\bmake ([a-z-]+)", text)}
    assert named - set(targets) == set()


def _ratios(row: str, compared: str = "") -> list[str]:
    """Return the ratios in the table of benchmarks whose first column begins with some words.

    Their third column begins with the name of what is compared.
    """
    page = (ROOT / "docs/benchmarks.md").read_text("utf-8")
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith(f"| {row}")]
    return [columns[3] for columns in rows if columns[2].startswith(compared)]


def _span(ratios: list[str]) -> str:
    found = [float(ratio) for ratio in ratios]
    return f"{min(found):.1f} to {max(found):.1f} times"


def test_pages_give_the_figures_of_the_benchmarks() -> None:
    (stitching,) = _ratios("stitch ", "plain copy")[:1]
    texts = {
        name: " ".join((ROOT / name).read_text("utf-8").split())
        for name in ("README.md", "docs/architecture.md")
    }
    readme = texts["README.md"]
    assert f"{_span(_ratios('render '))} as fast as Remotion" in readme
    remotion, hyperframes = (
        _span(_ratios("processor time", f"{name} render")) for name in ("remotion", "hyperframes")
    )
    assert f"{remotion} less processor time than Remotion's" in readme
    assert f"{hyperframes} less than HyperFrames'" in readme
    for text in texts.values():
        assert re.findall(r"([\d.]+) times as long as copying", text) == [stitching]


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_python_in_pages_imports_what_exists(page: Path) -> None:
    blocks = [
        body for language, body in FENCE.findall(page.read_text("utf-8")) if language == "python"
    ]
    for block in blocks:
        nodes = ast.parse(block).body
        imports: list[ast.stmt] = [
            node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        exec(compile(ast.Module(imports, type_ignores=[]), _name(page), "exec"), {})


def test_the_example_of_storage_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "docs/storage.md").read_text("utf-8")
    (example,) = [body for language, body in FENCE.findall(text) if language == "python"]
    monkeypatch.chdir(tmp_path)
    Path("film.mp4").write_bytes(b"a film")
    exec(compile(example, "docs/storage.md", "exec"), {})
    assert capsys.readouterr().out.splitlines()[1:] == ["['output/film.mp4']", "True False"]
    assert Path("copy.mp4").read_bytes() == b"a film"


def test_the_page_on_dependencies_has_all_of_them_and_no_other() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    lists = [
        project["project"]["dependencies"],
        *project["project"]["optional-dependencies"].values(),
        project["dependency-groups"]["dev"],
        re.findall(r"^[a-z].*", (ROOT / "docs/requirements.in").read_text("utf-8"), re.MULTILINE),
    ]
    used = {re.split(r"[\[<>=]", each)[0] for group in lists for each in group}
    sections = (ROOT / "docs/dependencies.md").read_text("utf-8").split("\n## ")
    tables = "\n".join(section for section in sections if section.startswith("Python, "))
    rows = re.findall(r"^\| (?!package)([^|-][^|]*) \|", tables, re.MULTILINE)
    named = {name.partition(" ")[0] for row in rows for name in row.split(", ")}
    assert {name for name in used if not any(fnmatch(name, each) for each in named)} == set()
    assert {each for each in named if not any(fnmatch(name, each) for name in used)} == set()


def test_the_checks_of_pages_find_what_does_not_exist(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "`orchestrator render --state-dir x`, `--state-dir`, `HELIOS_STATE_DIR`, `NO_SUCH_CODE`,\n"
        "`orchestrator rendre`, `helios/no_such.py`, `docs/none/`, `make nothing`, `NoSuchClass`\n"
    )
    for check in (
        test_commands_in_pages_exist_and_take_the_flags_beside_them,
        test_flags_in_pages_exist,
        test_error_codes_and_variables_in_pages_exist,
        test_classes_in_pages_exist,
        test_files_in_pages_exist,
        test_make_targets_in_pages_exist,
    ):
        with pytest.raises(AssertionError):
            check(page)
