"""What is noted of a render's reads: enough to find out later that nothing has changed."""

import asyncio
import hashlib
import os
import socket
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest

from helios.errors import OptionInvalid
from helios.records.input_manifest import InputManifest
from helios.renderer.asset_server import serve_folder
from helios.renderer.browser.network_flags import PROXY_VARIABLE
from helios.renderer.composition import LOCAL_HOST, Composition
from helios.renderer.encoding.codecs import VideoEncoding, choose_codec
from helios.renderer.page import PageOptions
from helios.renderer.recorders.input_recorder import InputRecorder
from helios.renderer.render_request import RenderRequest
from tests.helios.renderer.conftest import HEIGHT, RATE, WIDTH


def noted(
    root: Path, names: Sequence[str], *, between: Sequence[tuple[str, str]] = ()
) -> InputManifest:
    """Ask a folder's server for files, each followed by the change of a file, if there is one."""

    async def work() -> InputManifest:
        log = InputRecorder()
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        async with serve_folder(root, listener, inputs=log), aiohttp.ClientSession() as client:
            for number, name in enumerate(names):
                url = f"http://127.0.0.1:{port}/{name}"
                async with client.get(url, headers={"Host": LOCAL_HOST}) as answer:
                    await answer.read()
                for changed, text in between[number : number + 1]:
                    (root / changed).write_text(text)
        output = root / "output"
        output.write_bytes(b"output")
        return await log.manifest(output)

    return asyncio.run(work())


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_files_are_noted_by_the_names_that_they_are_asked_for_by(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("a b.txt", "sub/index.html", "unread"):
        (tmp_path / name).write_text(name)
    reads = noted(tmp_path, ["a%20b.txt?x=1", "sub", "gone", "../secret", "a%20b.txt"])
    assert reads.files == {
        "a b.txt": sha256("a b.txt"),
        "sub": sha256("sub/index.html"),
        "gone": None,
        "secret": None,
    }
    assert reads.output == sha256("output")


@pytest.mark.parametrize(
    ("names", "changes"),
    [
        (["file"], [("file", "other")]),
        (["file", "file"], [("file", "other"), ("file", "first")]),
        (["late", "late"], [("late", "there")]),
    ],
)
def test_a_file_that_changed_meanwhile_has_no_digest(
    tmp_path: Path, names: Sequence[str], changes: Sequence[tuple[str, str]]
) -> None:
    (tmp_path / "file").write_text("first")
    assert noted(tmp_path, names, between=changes).files == {names[0]: ""}


def test_a_note_is_read_back_and_anything_else_is_none(tmp_path: Path) -> None:
    note = tmp_path / "x.inputs.json"
    reads = InputManifest(output="0", versions={"browser": "1"}, files={"a": None}, hosts=["b"])
    reads.save(note)
    assert InputManifest.load(note) == reads
    for text in ("", "[]", "{}", '{"output": "0"}'):
        note.write_text(text)
        assert InputManifest.load(note) is None
    assert InputManifest.load(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("output", "audio_codec", "proxy"),
    [("frames.png", None, ""), ("v.mp4", "", ""), ("v.mp4", None, "http://127.0.0.1:1")],
)
def test_what_cannot_be_noted_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    output: str,
    audio_codec: str | None,
    proxy: str,
) -> None:
    monkeypatch.setitem(os.environ, PROXY_VARIABLE, proxy)
    request = RenderRequest(
        composition=Composition("http://composition.localhost/", tmp_path),
        output=tmp_path / output,
        page=PageOptions(width=WIDTH, height=HEIGHT, rate=RATE),
        encoding=VideoEncoding(codec=choose_codec(Path(output), None)),
        frame_count=1,
        audio_codec=audio_codec,
        inputs=InputRecorder(),
    )
    with pytest.raises(OptionInvalid, match="--input-manifest"):
        request.check()
