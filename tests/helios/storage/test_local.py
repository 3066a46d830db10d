"""What a folder as storage promises beyond what every storage does."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import helios.storage.local.digests
from helios.errors import AccessDenied, ArtifactNotFound, DiskFull, StorageInvalid
from helios.storage import ArtifactStorage, open_storage
from helios.storage.parts import PART

do = asyncio.run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@pytest.fixture
def storage(folder: Path) -> ArtifactStorage:
    return open_storage(str(folder))


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_an_object_is_a_file_under_its_own_name(storage: ArtifactStorage, folder: Path) -> None:
    do(storage.put_bytes("jobs/1/output/film.mp4", b"film"))

    assert (folder / "jobs/1/output/film.mp4").read_bytes() == b"film"


def test_the_same_object_is_known_from_any_folder_above_it(
    storage: ArtifactStorage, folder: Path
) -> None:
    do(storage.put_bytes("jobs/1/job.json", b"{}"))

    below = do(open_storage(str(folder / "jobs/1")).stat("job.json"))
    above = do(open_storage(str(folder.parent)).stat("artifacts/jobs/1/job.json"))

    assert below and above and below.sha256
    assert below.sha256 == above.sha256


def test_deleting_leaves_no_folders_and_no_digests(storage: ArtifactStorage, folder: Path) -> None:
    do(storage.put_bytes("jobs/1/chunks/0", b"x"))
    do(storage.put_bytes("jobs/2", b"x"))
    do(storage.delete("jobs/1/chunks/0"))

    assert [entry.name for entry in folder.rglob("*") if entry.is_dir()] == ["jobs"]
    do(storage.delete("jobs/2"))
    assert list(folder.iterdir()) == []


def test_a_link_that_leads_outside_is_no_object(
    storage: ArtifactStorage, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    folder.mkdir()
    (folder / "file").symlink_to(tmp_path / "secret")
    (folder / "folder").symlink_to(tmp_path)

    for key in ("file", "folder/secret"):
        with pytest.raises(StorageInvalid, match="symbolic link"):
            do(storage.get_bytes(key))
        with pytest.raises(StorageInvalid, match="symbolic link"):
            do(storage.put_bytes(key, b"changed"))
    with pytest.raises(StorageInvalid, match="symbolic link"):
        do(storage.list("folder/"))
    assert (tmp_path / "secret").read_text() == "secret"


def test_an_object_is_no_folder(storage: ArtifactStorage) -> None:
    do(storage.put_bytes("name", b"x"))
    do(storage.put_bytes("folder/name", b"x"))

    for key in ("name/below", "folder"):
        with pytest.raises(StorageInvalid, match="can't share a name"):
            do(storage.put_bytes(key, b"x"))


def test_a_pipe_is_not_waited_for(storage: ArtifactStorage, folder: Path) -> None:
    folder.mkdir()
    os.mkfifo(folder / "pipe")

    with pytest.raises(ArtifactNotFound):
        do(storage.get_bytes("pipe"))
    assert do(storage.list()) == []


def test_writing_goes_on_while_others_delete_the_last_object_of_a_folder(
    storage: ArtifactStorage,
) -> None:
    async def come_and_go(n: int) -> None:
        for _ in range(50):
            await storage.put_bytes(f"folder/deep/{n}", b"x")
            await storage.delete(f"folder/deep/{n}")

    async def all_at_once() -> None:
        await asyncio.gather(*(come_and_go(n) for n in range(8)))

    do(all_at_once())

    assert do(storage.list()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs files without a name")
def test_a_folder_that_is_removed_just_before_it_is_written_to_is_made_again(
    storage: ArtifactStorage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, opened = os.mkdir, os.open
    removals = iter(["once it was found", "once it was made"])

    def mkdir(path: Path, mode: int = 0o777) -> None:
        made(path, mode)
        if path == folder and next(removals, None):
            path.rmdir()
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)

    def open_(path: str | Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE and next(removals, None):
            folder.rmdir()
        return opened(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", mkdir)
    monkeypatch.setattr(os, "open", open_)

    do(storage.put_bytes("key", b"x"))

    assert next(removals, None) is None
    assert do(storage.get_bytes("key")) == b"x"


def test_without_files_that_have_no_name_a_hidden_one_is_used(
    storage: ArtifactStorage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)

    do(storage.put_bytes("key", b"first"))
    do(storage.put_bytes("key", b"second"))
    assert do(storage.create("other", b"x"))
    assert not do(storage.create("other", b"y"))

    assert do(storage.get_bytes("key")) == b"second"
    assert names(folder) == [".helios-key.sha256", ".helios-other.sha256", "key", "other"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs files without a name")
def test_a_process_that_is_killed_while_it_stores_leaves_nothing(
    folder: Path, tmp_path: Path
) -> None:
    with (tmp_path / "in").open("wb") as large:
        large.truncate(100 * PART)
    program = (
        "import asyncio, sys; from pathlib import Path; from helios.storage import open_storage\n"
        "print('ready', flush=True)\n"
        "asyncio.run(open_storage(sys.argv[1]).put_file('jobs/key', Path(sys.argv[2])))\n"
        "print('done', flush=True)"
    )
    command = [sys.executable, "-c", program, str(folder), str(tmp_path / "in")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    process.stdout.readline()
    deadline = time.monotonic() + 30
    while not (folder / "jobs").exists() and time.monotonic() < deadline:
        time.sleep(0.001)

    process.send_signal(signal.SIGKILL)

    assert process.communicate()[0] == ""
    assert names(folder) == []


@pytest.mark.skipif(sys.platform != "linux", reason="needs a folder that not even root may write")
def test_a_folder_that_can_not_be_written_is_named() -> None:
    storage = open_storage("/sys/kernel")

    with pytest.raises(AccessDenied, match="file:///sys/kernel/key"):
        do(storage.put_bytes("key", b"x"))


def test_a_full_disk_is_told_as_such(
    storage: ArtifactStorage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(helios.storage.local.digests, "write_all", no_space)

    with pytest.raises(DiskFull, match="key"):
        do(storage.put_bytes("key", b"x"))
    assert names(folder) == []


def test_a_name_that_is_too_long_for_the_disk_is_told_as_such(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["x" * 200] * 19)

    with pytest.raises(StorageInvalid, match="too long"):
        do(open_storage(str(deep)).put_bytes("/".join(["y" * 200] * 4), b""))
