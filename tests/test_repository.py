"""What must not be committed to the repository."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: A lock file that names a package index works only where that index can be reached.
REGISTRY_HOST = re.compile(
    r"""\b(?:
        pypi\.org | pythonhosted\.org | registry\.npmjs\.org | registry\.yarnpkg\.com
        | (?:[\w-]+-)?(?:python|npm)\.pkg\.dev | [\w.-]+\.jfrog\.io
    )\b""",
    re.VERBOSE,
)
#: A folder in a home or work folder; not the same words in a web address.
PERSONAL_PATH = re.compile(r"(?<![\w.:/-])/(?:home|Users|root|work)/[\w.-]+")
#: Names that other ones have replaced, and pronouns in place of a name.
RETIRED = re.compile(
    r"""\b(?:
        Conversation | to_the_end | in_thread | Halt | process_family | process_search
        | Equipment | chunk_work | merge_work | chunk_ends | read_log | Reel
        | Placement | Worksite | Site | DetachedPlace | SharedWindow | circuit_breaker | joiner
        | [Ww]ish | RunControl | portable_job | JobRunner | PlacementRunner | RenderState
        | check_id | telling | detaching
        | [Nn]obody | [Ww]hoever | [Ss]omebody
    )\b""",
    re.VERBOSE,
)
CONFLICT_MARKER = re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE)

Text = tuple[Path, str]


def repository_files() -> list[Path]:
    """Every file that is tracked, or would be by `git add .`."""
    git = ["git", "-c", "safe.directory=*", "-C", str(ROOT)]
    listing = subprocess.run(
        [*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    paths = {ROOT / name for name in listing.stdout.split("\0") if name}
    return sorted(path for path in paths if path.is_file())


@pytest.fixture(scope="module")
def texts() -> list[Text]:
    found: list[Text] = []
    for path in repository_files():
        content = path.read_bytes()
        if b"\0" not in content:
            found.append((path.relative_to(ROOT), content.decode("utf-8", "replace")))
    return found


def places(pattern: re.Pattern[str], texts: list[Text]) -> list[str]:
    """`file:line: what was found` for every match."""
    return [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {match.group()}"
        for path, text in texts
        for match in pattern.finditer(text)
    ]


def test_no_file_names_a_package_registry(texts: list[Text]) -> None:
    assert places(REGISTRY_HOST, texts) == []


def test_no_file_names_a_path_of_a_developers_machine(texts: list[Text]) -> None:
    assert places(PERSONAL_PATH, texts) == []


def test_no_file_holds_conflict_markers(texts: list[Text]) -> None:
    assert places(CONFLICT_MARKER, texts) == []


def test_lock_files_name_no_host(texts: list[Text]) -> None:
    locks = [(path, text) for path, text in texts if path.suffix == ".lock"]

    assert locks
    assert places(re.compile(r"://\S+"), locks) == []


def test_lock_files_of_npm_name_no_person_to_fund(texts: list[Text]) -> None:
    locks = [(path, text) for path, text in texts if path.name == "package-lock.json"]

    assert locks
    assert places(re.compile(r'"funding"'), locks) == []


def test_no_file_uses_a_retired_word(texts: list[Text]) -> None:
    own = Path(__file__).relative_to(ROOT)
    kinds = (".py", ".md")
    written = [(path, text) for path, text in texts if path.suffix in kinds and path != own]

    assert places(RETIRED, written) == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (RETIRED, "A lock that nobody holds."),
        (REGISTRY_HOST, "https://files.pythonhosted" + ".org/packages"),
        (REGISTRY_HOST, "https://europe-python.pkg" + ".dev/project"),
        (PERSONAL_PATH, 'open("/home' + '/someone/video.mp4")'),
        (CONFLICT_MARKER, "a\n" + "<" * 7 + " HEAD\n"),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)


def test_a_web_address_is_not_a_personal_path() -> None:
    assert not PERSONAL_PATH.search("https://example.com/home/someone")
