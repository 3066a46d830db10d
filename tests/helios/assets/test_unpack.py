"""Archives that mean harm, or are damaged: nothing of theirs gets outside, or fills the disk."""

import errno
import hashlib
import io
import os
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

import helios.assets.unpack
from helios.assets import ArchiveLimits, unpack_assets
from helios.concurrency import CancelToken, WorkCancelled
from helios.errors import ArchiveInvalid, ArtifactCorrupt, DiskFull, HeliosError


def entry(name: str, data: bytes = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def tar_of(
    entries: Iterable[tuple[tarfile.TarInfo, bytes]], *, kind: int = tarfile.PAX_FORMAT
) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=kind) as tar:
        for info, data in entries:
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


class Bench:
    """Unpacks tar files, and watches what appears outside of the folder."""

    def __init__(self, tmp_path: Path) -> None:
        self.home = tmp_path / "home"
        self.home.mkdir()
        self.folder = self.home / "unpacked"
        self.archive = tmp_path / "archive.tar.zst"

    def unpack(self, tar: bytes, **options: Any) -> int:
        self.archive.write_bytes(zstandard.compress(tar))
        options.setdefault("sha256", hashlib.sha256(tar).hexdigest())
        try:
            return unpack_assets(self.archive, self.folder, **options)
        finally:
            assert {path.name for path in self.home.iterdir()} <= {"unpacked"}

    def refuse(self, *entries: tuple[tarfile.TarInfo, bytes], match: str, **options: Any) -> None:
        with pytest.raises(ArchiveInvalid, match=match) as caught:
            self.unpack(tar_of(entries), **options)
        assert not caught.value.retryable

    def names(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_files_and_folders_are_made_with_their_content(bench: Bench) -> None:
    size = bench.unpack(
        tar_of(
            [
                entry("composition", type=tarfile.DIRTYPE),
                entry("./composition/index.html", b"<p>"),
                entry("composition/deep/er/é.png", b"12345"),
                entry("composition/empty/", type=tarfile.DIRTYPE),
            ]
        )
    )

    assert size == 8
    assert (bench.folder / "composition/index.html").read_bytes() == b"<p>"
    assert (bench.folder / "composition/deep/er/é.png").read_bytes() == b"12345"
    assert (bench.folder / "composition/empty").is_dir()


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_any_kind_of_tar_file_is_read(bench: Bench, kind: int) -> None:
    name = "/".join(["composition", "x" * 90, "y" * 90])
    bench.unpack(tar_of([entry(name, b"data")], kind=kind))

    assert (bench.folder / name).read_bytes() == b"data"


def test_what_is_unpacked_can_only_be_read_by_whom_it_serves(bench: Bench) -> None:
    bench.unpack(tar_of([entry("a/b", b"x", mode=0o6777), entry("c", b"x", mode=0)]))

    for path in [bench.folder, *bench.folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o555 if path.is_dir() else 0o444)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/cron.d/evil",
        "//evil",
        "../evil",
        "composition/../../evil",
        "composition/..",
        "..",
        "a/b/../../../evil",
    ],
)
def test_a_name_that_leads_outside_is_refused(bench: Bench, name: str) -> None:
    bench.refuse(entry("ok"), entry(name, b"evil"), match="leads outside")
    bench.folder.rename(bench.folder.with_name("x"))
    (bench.folder.with_name("x")).rename(bench.archive.parent / "away")
    bench.refuse(entry(name, type=tarfile.DIRTYPE), match="leads outside")


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.SYMTYPE, "../.."),
        (tarfile.SYMTYPE, "inside"),
        (tarfile.LNKTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "inside"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
        (tarfile.GNUTYPE_SPARSE, ""),
        (b"Z", ""),
    ],
)
def test_what_is_neither_file_nor_folder_is_refused(bench: Bench, kind: bytes, target: str) -> None:
    link = entry("composition/link", type=kind, linkname=target, devmajor=1, devminor=3)
    bench.refuse(entry("inside"), link, match="neither a file nor a folder|not a tar file")

    assert "composition/link" not in bench.names()


def test_a_file_written_through_a_link_is_refused_with_the_link(bench: Bench) -> None:
    link = entry("composition/up", type=tarfile.SYMTYPE, linkname="../..")
    bench.refuse(link, entry("composition/up/evil", b"evil"), match="neither")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (entry("a", b"1"), entry("a", b"2")),
        (entry("a", b"1"), entry("./a", b"2")),
        (entry("a/b", b"1"), entry("a//b", b"2")),
        (entry("a", b"1"), entry("a/b", b"2")),
        (entry("a/b", b"1"), entry("a", b"2")),
        (entry("a", type=tarfile.DIRTYPE), entry("a", b"2")),
        (entry("a", b"1"), entry("a", type=tarfile.DIRTYPE)),
    ],
)
def test_a_name_that_comes_twice_is_refused(
    bench: Bench, first: tuple[tarfile.TarInfo, bytes], second: tuple[tarfile.TarInfo, bytes]
) -> None:
    bench.refuse(first, second, match="twice")


@pytest.mark.parametrize("name", ["", ".", "./", "x" * 300, "/".join(["y" * 200] * 30)])
def test_a_name_that_is_none_is_refused(bench: Bench, name: str) -> None:
    bench.refuse(entry(name, b"x"), match=r"no name for a file|can't be unpacked|not a tar file")


def test_too_many_entries_are_refused(bench: Bench) -> None:
    limits = ArchiveLimits(entries=10)
    bench.refuse(*(entry(str(n)) for n in range(11)), match="more than 10 files", limits=limits)

    assert len(bench.names()) <= 10


def test_folders_that_only_names_ask_for_count_as_entries(bench: Bench) -> None:
    limits = ArchiveLimits(entries=100)
    deep = [entry("/".join([str(n), *"abcdefghij", "file"])) for n in range(20)]
    bench.refuse(*deep, match="more than 100 files", limits=limits)

    assert len(bench.names()) <= 120


def test_too_many_bytes_are_refused_before_they_are_written(bench: Bench) -> None:
    limits = ArchiveLimits(unpacked_bytes=2_000_000, ratio=1e9)
    bench.refuse(entry("a", bytes(50_000_000)), match="more than 2000000 bytes", limits=limits)

    assert sum(path.stat().st_size for path in bench.folder.rglob("a")) <= 2_500_000


def test_a_bomb_is_refused_before_it_goes_off(bench: Bench) -> None:
    """A quarter of a gigabyte of zeros in a few kB."""
    compressor = zstandard.ZstdCompressor()
    tar = tar_of([entry("a", b"")])[:-1024]
    info = tarfile.TarInfo("bomb")
    info.size = 256 * 1024**2
    stream = io.BytesIO()
    with compressor.stream_writer(stream, closefd=False) as packed:
        packed.write(tar + info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape"))
        for _ in range(256):
            packed.write(bytes(1024**2))
    bench.archive.write_bytes(stream.getvalue())
    assert bench.archive.stat().st_size < 100_000

    with pytest.raises(ArchiveInvalid, match="packed bytes hold more than 200 times that"):
        unpack_assets(bench.archive, bench.folder, sha256="0" * 64)

    assert sum(path.stat().st_size for path in bench.folder.rglob("*")) < 100 * 1024**2


def test_a_file_of_holes_is_refused(bench: Bench) -> None:
    """A sparse file claims a terabyte with no bytes at all."""
    headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "composition/holes",
        "GNU.sparse.realsize": str(1024**4),
    }
    sparse = entry("composition/holes", b"0\n".ljust(512, b"\0"), pax_headers=headers)
    bench.refuse(sparse, match="neither a file")


def test_a_name_that_claims_gigabytes_is_refused_without_reading_it(bench: Bench) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type = tarfile.GNUTYPE_LONGNAME
    info.size = 3 * 1024**3
    tar = info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)
    with pytest.raises(ArchiveInvalid, match="name and attributes take 3221225472 bytes"):
        bench.unpack(tar)


def test_an_archive_that_asks_for_a_gigabyte_of_memory_is_refused(bench: Bench) -> None:
    """The reader keeps at hand what the writer may refer back to, which is the writer's choice."""
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=30, enable_ldm=True)
    stream = io.BytesIO()
    compressor = zstandard.ZstdCompressor(compression_params=parameters)
    with compressor.stream_writer(stream, closefd=False) as packed:
        packed.write(tar_of([entry("a")]))
    assert zstandard.get_frame_parameters(stream.getvalue()).window_size == 1024**3
    bench.archive.write_bytes(stream.getvalue())

    with pytest.raises(ArchiveInvalid, match="memory"):
        unpack_assets(bench.archive, bench.folder, sha256="0" * 64)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
@pytest.mark.slow
def test_large_archives_take_little_memory(bench: Bench) -> None:
    tar = tar_of([entry("a", os.urandom(150_000_000))])
    bench.archive.write_bytes(zstandard.compress(tar))
    program = (
        "import sys; from pathlib import Path; from helios.assets import unpack_assets\n"
        "unpack_assets(Path(sys.argv[1]), Path(sys.argv[2]), sha256=sys.argv[3])\n"
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    arguments = [str(bench.archive), str(bench.folder), hashlib.sha256(tar).hexdigest()]

    run = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True
    )

    assert int(run.stdout) < 100_000


# --- damage ---------------------------------------------------------------------------------

GOOD = tar_of([entry("composition/index.html", bytes(range(256)) * 100), entry("b", b"x")])


def test_another_content_than_the_promised_one_is_corrupt(bench: Bench) -> None:
    with pytest.raises(ArtifactCorrupt, match="was promised") as caught:
        bench.unpack(GOOD, sha256="0" * 64)

    assert caught.value.retryable


def test_even_what_follows_the_last_file_counts(bench: Bench) -> None:
    with pytest.raises(ArtifactCorrupt, match="was promised"):
        bench.unpack(GOOD + b"more", sha256=hashlib.sha256(GOOD).hexdigest())


@pytest.mark.parametrize("keep", [0, 1, 100, -1, -20])
def test_an_archive_that_is_cut_short_is_corrupt(bench: Bench, keep: int) -> None:
    packed = zstandard.compress(GOOD)
    bench.archive.write_bytes(packed[:keep])

    with pytest.raises(ArtifactCorrupt):
        unpack_assets(bench.archive, bench.folder, sha256=hashlib.sha256(GOOD).hexdigest())


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 10**6), value=st.integers(1, 255), in_tar=st.booleans())
def test_a_damaged_byte_never_passes(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int, in_tar: bool
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    data = bytearray(GOOD if in_tar else zstandard.compress(GOOD))
    data[place % len(data)] ^= value
    (folder / "packed").write_bytes(zstandard.compress(bytes(data)) if in_tar else data)

    try:
        unpack_assets(folder / "packed", folder / "out", sha256=hashlib.sha256(GOOD).hexdigest())
    except HeliosError as fault:
        assert isinstance(fault, (ArtifactCorrupt, ArchiveInvalid))
    else:
        # Some bits of a compressed file mean nothing.
        assert not in_tar
        assert (folder / "out/composition/index.html").read_bytes() == bytes(range(256)) * 100


def test_what_is_no_tar_file_is_refused(bench: Bench) -> None:
    with pytest.raises(ArchiveInvalid, match="not a tar file"):
        bench.unpack(b"this is no tar file" * 100)


def test_a_full_disk_is_told_as_such(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(helios.assets.unpack, "_extract", no_space)

    with pytest.raises(DiskFull, match=r"archive\.tar\.zst"):
        bench.unpack(GOOD)


def test_unpacking_stops_when_cancelled(bench: Bench) -> None:
    token = CancelToken()
    token.cancel()

    with pytest.raises(WorkCancelled):
        bench.unpack(GOOD, token=token)
