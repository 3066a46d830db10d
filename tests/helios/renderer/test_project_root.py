"""Which folder is served for a page of a project, and what stays outside."""

import asyncio
import socket
from pathlib import Path

import pytest

from helios.errors import OptionInvalid
from helios.renderer.asset_server import serve_folder
from helios.renderer.composition import LOCAL_ORIGIN, Composition
from helios.renderer.project_root import locate


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name in ("dist/assets/a.js", "dist/pages/one/a.css", "src/b.js", ".env", "package.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    (tmp_path / "secret.js").write_text("")
    return folder


def _page(project: Path, body: str) -> Composition:
    (project / "dist/pages/one/index.html").write_text(f"<!doctype html>{body}")
    return Composition.find(str(project / "dist/pages/one"))


@pytest.mark.parametrize(
    ("body", "root"),
    [
        ('<link href="a.css">', "dist/pages/one"),
        ('<script src="../../assets/a.js"></script>', "dist"),
        ("<style>@import url(../../assets/a.js)</style>", "dist"),
        ("<script>import '../../../src/b.js'</script>", ""),
        ('<script src="/assets/a.js"></script>', "dist"),
        ('<script src="/src/b.js"></script>', ""),
        ('<img src="../../assets/lost.png">', "dist/pages/one"),
        ('<script src="../../../../secret.js"></script>', "dist/pages/one"),
        ('<script src="/a.css"></script><a href="//host/x">', "dist/pages/one"),
        (f'<img src="../{"a" * 300}"><img src="/{"a" * 300}">', "dist/pages/one"),
    ],
)
def test_a_page_of_a_project_is_served_with_what_it_names(
    project: Path, body: str, root: str
) -> None:
    found = _page(project, body)
    folder = project / root
    assert found.root == folder
    page = (project / "dist/pages/one/index.html").relative_to(folder).as_posix()
    assert found.url == f"{LOCAL_ORIGIN}/{page}"


def test_nothing_is_looked_for_in_files_that_name_no_others(project: Path) -> None:
    path = project / "dist/pages/one/a.gif"
    path.write_bytes(b'GIF89a("../../assets/a.js")')
    assert Composition.find(str(path)).root == path.parent


def test_a_name_is_located_as_a_path_of_the_folder(project: Path) -> None:
    folder = project / "dist"
    assert locate(folder, "/assets/a.js") == folder / "assets/a.js"
    assert locate(folder, "assets/a.js") == folder / "assets/a.js"
    assert locate(folder, "../src/b.js") is None
    assert locate(folder, "a\0b") is None


def test_a_page_of_no_project_is_served_from_its_own_folder(project: Path) -> None:
    (project / "package.json").unlink()
    found = _page(project, '<script src="../../assets/a.js"></script>')
    assert found.root == project / "dist/pages/one"


def test_a_root_is_chosen_within_the_project(project: Path) -> None:
    source = str(_page(project, "").page)
    found = Composition.find(source, root=str(project / "dist"))
    assert found.url == f"{LOCAL_ORIGIN}/pages/one/index.html"
    assert found.root == project / "dist"


def test_a_root_is_chosen_within_the_working_directory(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _page(project, "")
    (project / "package.json").unlink()
    monkeypatch.chdir(project)
    assert Composition.find("dist/pages/one", root="dist").root == project / "dist"


@pytest.mark.parametrize(
    ("root", "reason"), [("src", "isn't in this folder"), ("..", "outside the page's project")]
)
def test_another_root_is_refused(project: Path, root: str, reason: str) -> None:
    source = str(_page(project, "").page)
    with pytest.raises(OptionInvalid, match=reason):
        Composition.find(source, root=str(project / root))


def test_dot_files_of_a_project_arent_served(project: Path) -> None:
    (project / ".git").mkdir()
    (project / ".git/config").write_text("")

    async def answers() -> list[bool]:
        listener = socket.create_server(("127.0.0.1", 0))
        found = []
        async with serve_folder(project, listener, serve_dot_files=False):
            for name in ("src/b.js", ".env", ".git/config", "src/../.env", "%2eenv"):
                reader, writer = await asyncio.open_connection(*listener.getsockname())
                host = "composition.localhost"
                head = f"GET /{name} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
                writer.write(head.encode())
                found.append((await reader.read()).startswith(b"HTTP/1.1 200"))
                writer.close()
        return found

    assert asyncio.run(answers()) == [True, False, False, False, False]
