"""Where a composition is."""

from pathlib import Path

import pytest

from helios.errors import CompositionNotFound
from helios.renderer.composition import LOCAL_ORIGIN, Composition


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my film"
    folder.mkdir()
    for name in ("index.html", "intro & outro #1?.html", "titles.SVG", "notes.txt"):
        (folder / name).write_text("")
    (folder / "empty").mkdir()
    return folder


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("my film", "index.html"),
        ("my film/", "index.html"),
        ("my film/index.html", "index.html"),
        ("my film/intro & outro #1?.html", "intro%20%26%20outro%20%231%3F.html"),
        ("my film/titles.SVG", "titles.SVG"),
        ("my film/empty/../index.html", "index.html"),
    ],
)
def test_a_page_or_its_folder_is_served_under_an_address_that_is_always_the_same(
    folder: Path, source: str, address: str
) -> None:
    found = Composition.find(source, base=folder.parent)
    assert found.url == f"{LOCAL_ORIGIN}/{address}"
    assert found.root == folder.resolve()


def test_a_relative_path_starts_from_the_working_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert Composition.find("index.html").root == folder.resolve()
    assert Composition.find(".").root == folder.resolve()


def test_an_absolute_path_needs_no_base(folder: Path, tmp_path: Path) -> None:
    found = Composition.find(str(folder / "index.html"), base=tmp_path / "elsewhere")
    assert found.root == folder.resolve()


def test_a_file_address_is_a_path(folder: Path) -> None:
    address = (folder / "intro & outro #1?.html").as_uri()
    found = Composition.find(address)
    assert found.root == folder.resolve()
    assert found.url == f"{LOCAL_ORIGIN}/intro%20%26%20outro%20%231%3F.html"


@pytest.mark.parametrize("source", ["http://example.com/a?b=c#d", "https://example.com"])
def test_an_address_is_opened_as_it_is(source: str) -> None:
    assert Composition.find(source) == Composition(url=source, root=None)


@pytest.mark.parametrize(
    "source",
    [
        "my film/lost.html",
        "my film/empty",
        "my film/notes.txt",
        "",
        "http://[bad",
        "ftp://x/y.html",
    ],
)
def test_what_is_no_page_is_refused_by_name(folder: Path, source: str) -> None:
    with pytest.raises(CompositionNotFound) as caught:
        Composition.find(source, base=folder.parent)
    assert caught.value.message.startswith(source)


@pytest.mark.parametrize("source", ["a\0b.html", "x" * 5000 + ".html"])
def test_what_no_file_system_can_hold_is_no_composition(tmp_path: Path, source: str) -> None:
    with pytest.raises(CompositionNotFound):
        Composition.find(source, base=tmp_path)
