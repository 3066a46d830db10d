"""The archive of a composition's folder: the same anywhere, and with nothing from outside."""

import asyncio
import os
import socket
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from helios.assets import ArchiveLimits, pack_assets, unpack_assets, upload_assets
from helios.assets.pack import folder_digest
from helios.concurrency import CancelToken, WorkCancelled
from helios.errors import ArchiveInvalid, CompositionNotFound
from helios.storage import open_storage

#: Of a folder with `index.html` ("<p>") and `img/a.png` (256 bytes): it must never change, or every
#: composition would be stored again.
KNOWN_DIGEST = "5039223bb9a68ab3647918a580db0c55026b1ab0ed7377879b0fa217f452f538"

#: Names that file systems of all kinds take: nothing that differs by case or Unicode form alone.
step = st.text(
    st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc"), exclude_characters="/\\"),
    min_size=1,
    max_size=12,
).filter(lambda name: name not in (".", "..") and not name.startswith((".", "Thumbs")))
folder_of = st.dictionaries(
    st.lists(step, min_size=1, max_size=3).map("/".join), st.binary(max_size=300), min_size=1
).filter(lambda files: not any(above in files for name in files for above in parents(name)))


def parents(name: str) -> list[str]:
    steps = name.split("/")
    return ["/".join(steps[:count]) for count in range(1, len(steps))]


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def composition(tmp_path: Path) -> Path:
    files = {"index.html": b"<p>", "img/a.png": bytes(range(256))}
    return write(tmp_path / "composition", files)


def digest(folder: Path) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        return pack_assets(folder, Path(scratch, "packed")).sha256


def packed_names(folder: Path) -> list[str]:
    with tempfile.TemporaryDirectory() as scratch:
        pack_assets(folder, Path(scratch, "packed"))
        with (
            Path(scratch, "packed").open("rb") as source,
            zstandard.ZstdDecompressor().stream_reader(source) as stream,
            tarfile.open(fileobj=stream, mode="r|") as tar,
        ):
            return [entry.name for entry in tar]


def read(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_folder_has_the_digest_that_it_always_had(tmp_path: Path) -> None:
    assert digest(composition(tmp_path)) == KNOWN_DIGEST


def test_the_archive_has_one_folder_with_the_files_in_the_order_of_their_names(
    tmp_path: Path,
) -> None:
    folder = write(tmp_path / "x", {"b": b"", "a/z": b"", "a.b": b"", "a/b/c": b"", "é": b""})

    assert packed_names(folder) == [
        "composition/a.b",
        "composition/a/b/c",
        "composition/a/z",
        "composition/b",
        "composition/é",
    ]


@settings(max_examples=30, deadline=None)
@given(files=folder_of)
def test_what_is_packed_is_what_is_unpacked(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = write(Path(scratch, "in"), files)
        packed = pack_assets(folder, Path(scratch, "packed"))

        size = unpack_assets(packed.path, Path(scratch, "out"), sha256=packed.sha256)

        assert read(Path(scratch, "out", "composition")) == files
        assert size == sum(map(len, files.values()))
        assert packed.bytes == packed.path.stat().st_size


@settings(max_examples=20, deadline=None)
@given(files=folder_of, data=st.data())
def test_only_names_and_content_count(files: dict[str, bytes], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        first = digest(write(Path(scratch, "first"), files))
        mask = os.umask(data.draw(st.sampled_from([0o000, 0o022, 0o077])))
        try:
            names = data.draw(st.permutations(sorted(files)))
            second = write(Path(scratch, "other name"), {name: files[name] for name in names})
            (second / "empty folder" / "in it").mkdir(parents=True)
        finally:
            os.umask(mask)
        for path in second.rglob("*"):
            seconds = data.draw(st.integers(0, 2**33))
            os.utime(path, (seconds, seconds))
            if path.is_file():
                path.chmod(data.draw(st.sampled_from([0o400, 0o644, 0o755, 0o777])))

        assert digest(second) == first
        changed = data.draw(st.sampled_from(sorted(files)))
        (second / changed).chmod(0o600)
        (second / changed).write_bytes(files[changed] + b"!")
        assert digest(second) != first


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_does_not_count(tmp_path: Path) -> None:
    folder = composition(tmp_path)
    before = digest(folder)
    os.chown(folder / "index.html", 1234, 5678)

    assert digest(folder) == before


def test_a_link_inside_of_the_folder_is_packed_as_what_it_leads_to(tmp_path: Path) -> None:
    linked = composition(tmp_path / "linked")
    (linked / "same.png").symlink_to("img/a.png")
    (linked / "pictures").symlink_to(linked / "img")
    copied = composition(tmp_path / "copied")
    write(copied, {"same.png": bytes(range(256)), "pictures/a.png": bytes(range(256))})

    assert digest(linked) == digest(copied)


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    folder = composition(tmp_path)
    (tmp_path / "link").symlink_to(folder)

    assert digest(tmp_path / "link") == digest(folder)


@pytest.mark.parametrize("target", ["../secret", "/etc/passwd", "img/../../secret", "up/secret"])
def test_a_link_that_leaves_the_folder_is_refused(tmp_path: Path, target: str) -> None:
    folder = composition(tmp_path)
    (tmp_path / "secret").write_text("secret")
    if target.startswith("up/"):
        (folder / "up").symlink_to("..")
    else:
        (folder / "innocent.png").symlink_to(target)

    with pytest.raises(ArchiveInvalid, match=r"(innocent|up).* outside") as caught:
        digest(folder)

    assert ".heliosignore" in caught.value.hint


def test_a_folder_beside_that_begins_with_the_same_name_is_outside(tmp_path: Path) -> None:
    folder = composition(tmp_path)
    write(tmp_path / "composition-secret", {"a": b""})
    (folder / "link").symlink_to("../composition-secret/a")

    with pytest.raises(ArchiveInvalid, match="outside"):
        digest(folder)


def test_links_that_lead_nowhere_or_in_circles_are_refused(tmp_path: Path) -> None:
    for name, target in (("nowhere", "absent"), ("itself", "itself")):
        folder = composition(tmp_path / name)
        (folder / "link").symlink_to(target)
        with pytest.raises(ArchiveInvalid, match="link is a link that leads nowhere"):
            digest(folder)

    folder = composition(tmp_path / "loop")
    (folder / "img" / "up").symlink_to("..")
    with pytest.raises(ArchiveInvalid, match="img/up is a link to a folder that it is in"):
        digest(folder)


def test_what_is_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = composition(tmp_path)
    os.mkfifo(folder / "pipe")
    with pytest.raises(ArchiveInvalid, match="pipe is neither a file nor a folder"):
        digest(folder)

    (folder / "pipe").unlink()
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        with pytest.raises(ArchiveInvalid, match="socket is neither"):
            digest(folder)


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX alone")
def test_a_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    folder = composition(tmp_path)
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.png")).touch()

    with pytest.raises(ArchiveInvalid, match="not a name in UTF-8"):
        digest(folder)


def test_a_folder_that_is_missing_or_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for absent in ("absent", "file"):
        with pytest.raises(CompositionNotFound, match=absent):
            digest(tmp_path / absent)

    (tmp_path / "empty" / "folder").mkdir(parents=True)
    with pytest.raises(ArchiveInvalid, match="no files"):
        digest(tmp_path / "empty")


# --- what stays out -------------------------------------------------------------------------


def test_histories_secrets_and_clutter_stay_out(tmp_path: Path) -> None:
    folder = composition(tmp_path)
    before = digest(folder)
    write(
        folder,
        {
            ".git/config": b"",
            "lib/.git/HEAD": b"",
            ".env": b"SECRET=1",
            "lib/.env.local": b"SECRET=1",
            "img/.DS_Store": b"",
            ".heliosignore": b"",
        },
    )

    assert digest(folder) == before


def test_the_ignore_file_leaves_files_out_as_git_does(tmp_path: Path) -> None:
    folder = composition(tmp_path)
    write(
        folder,
        {
            ".heliosignore": b"# notes\n*.psd\n/out/\nnode_modules\n!keep.psd\nimg/**/raw\n\n",
            "a.psd": b"",
            "deep/b.psd": b"",
            "keep.psd": b"",
            "out/film.mp4": b"",
            "deep/out/kept": b"",
            "deep/node_modules/x/y": b"",
            "img/x/raw/z": b"",
        },
    )

    assert packed_names(folder) == [
        "composition/deep/out/kept",
        "composition/img/a.png",
        "composition/index.html",
        "composition/keep.psd",
    ]


def test_what_is_ignored_may_lead_anywhere(tmp_path: Path) -> None:
    folder = composition(tmp_path)
    before = digest(folder)
    (folder / "cache").symlink_to("/")
    (folder / "broken").symlink_to("absent")
    os.mkfifo(folder / "pipe")
    (folder / ".heliosignore").write_text("cache\nbroken\npipe\n")

    assert digest(folder) == before


def test_the_ignore_file_can_take_back_what_stays_out_by_itself(tmp_path: Path) -> None:
    folder = write(tmp_path, {".heliosignore": b"!.env.js\n", ".env.js": b"", "index.html": b""})

    assert packed_names(folder) == ["composition/.env.js", "composition/index.html"]


def test_an_ignore_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    folder = composition(tmp_path)
    (folder / ".heliosignore").write_bytes(b"\xff\xfe")

    with pytest.raises(ArchiveInvalid, match=r"\.heliosignore can't be read"):
        digest(folder)


# --- limits ---------------------------------------------------------------------------------


def test_a_file_that_can_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path, {"index.html": b"", "secret.png": b""})
    whole = Path.open

    def guarded(path: Path, *how: Any, **named: Any) -> Any:
        if path.name == "secret.png":
            raise PermissionError(13, "Permission denied")
        return whole(path, *how, **named)

    monkeypatch.setattr(Path, "open", guarded)
    for read in (digest, folder_digest):
        with pytest.raises(ArchiveInvalid, match=r"secret\.png can't be read: Permission denied"):
            read(folder)


def test_too_many_files_are_refused_before_they_are_packed(tmp_path: Path) -> None:
    folder = write(tmp_path / "x", {str(n): b"" for n in range(6)})

    pack_assets(folder, tmp_path / "packed", limits=ArchiveLimits(entries=6))
    with pytest.raises(ArchiveInvalid, match="more than 5 files") as caught:
        pack_assets(folder, tmp_path / "packed", limits=ArchiveLimits(entries=5))

    assert ".heliosignore" in caught.value.hint


def test_too_many_bytes_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "x", {"a": bytes(100_000)})

    with pytest.raises(ArchiveInvalid, match="more than 99999 bytes"):
        pack_assets(folder, tmp_path / "packed", limits=ArchiveLimits(unpacked_bytes=99_999))


def test_what_a_worker_would_take_for_a_bomb_is_refused_here_already(tmp_path: Path) -> None:
    folder = write(tmp_path / "x", {"a": bytes(1_000_000)})

    with pytest.raises(ArchiveInvalid, match="packed bytes hold more than 10 times that"):
        pack_assets(folder, tmp_path / "packed", limits=ArchiveLimits(ratio=10, free_bytes=0))


def test_packing_stops_when_cancelled(tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()

    with pytest.raises(WorkCancelled):
        pack_assets(composition(tmp_path), tmp_path / "packed", token=token)


# --- uploading ------------------------------------------------------------------------------


def test_assets_are_stored_under_their_digest_and_only_once(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path / "artifacts"))
    folder = composition(tmp_path)

    url = asyncio.run(upload_assets(storage, folder))
    key = f"assets/{digest(folder)}.tar.zst"
    first = asyncio.run(storage.stat(key))
    again = asyncio.run(upload_assets(storage, folder))

    assert url == again == storage.url_of(key)
    assert first == asyncio.run(storage.stat(key))


def test_nothing_is_stored_of_a_folder_that_is_refused(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path / "artifacts"))
    folder = composition(tmp_path)
    (folder / "link").symlink_to("/etc/passwd")

    with pytest.raises(ArchiveInvalid):
        asyncio.run(upload_assets(storage, folder))

    assert asyncio.run(storage.list()) == []


def test_packing_leaves_no_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    folder = composition(tmp_path)

    asyncio.run(upload_assets(open_storage(str(tmp_path / "artifacts")), folder))
    (tmp_path / "taken").touch()
    with pytest.raises(Exception, match="taken"):
        asyncio.run(upload_assets(open_storage(str(tmp_path / "taken")), folder))

    assert list(scratch.iterdir()) == []
