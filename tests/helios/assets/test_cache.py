"""Assets on a warm worker are fetched once, and removed when others need the space."""

import asyncio
import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from helios.assets import ArchiveLimits, AssetCache, unpack_assets, upload_assets
from helios.errors import (
    ArchiveInvalid,
    ArtifactCorrupt,
    ArtifactNotFound,
    DiskFull,
    StorageInvalid,
)
from helios.storage import ArtifactStorage, open_storage

SIZE = 1000


class Bench:
    """A storage with assets, and what is fetched from it."""

    def __init__(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        self.folder = tmp_path / "cache"
        self.storage = open_storage(str(tmp_path / "artifacts"))
        self.fetched: list[str] = []
        self.caches: list[AssetCache] = []

    def cache(self, max_bytes: int = 10**9, **options: object) -> AssetCache:
        cache = AssetCache(self.folder, max_bytes, storage_opener=self.open, **options)  # type: ignore[arg-type]
        self.caches.append(cache)
        return cache

    def open(self, url: str) -> ArtifactStorage:
        self.fetched.append(url)
        return open_storage(url)

    def upload(self, name: str) -> str:
        folder = self.tmp_path / name
        folder.mkdir()
        (folder / "index.html").write_bytes(name.encode().ljust(SIZE, b"."))
        return asyncio.run(upload_assets(self.storage, folder))

    def kept(self) -> int:
        """Return how many unpacked folders there are."""
        return len(list(self.folder.glob("*/*/composition")))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    for cache in bench.caches:
        cache.close()


def page(folder: Path) -> bytes:
    return (folder / "composition" / "index.html").read_bytes().rstrip(b".")


def test_assets_are_fetched_once(bench: Bench) -> None:
    url, cache = bench.upload("one"), bench.cache()

    first = asyncio.run(cache.fetch(url))
    second = asyncio.run(cache.fetch(url))

    assert page(first) == b"one"
    assert first == second
    assert len(bench.fetched) == 1
    assert not list(bench.folder.rglob("*.tar.zst"))


def test_the_same_content_at_another_address_is_not_fetched_again(
    bench: Bench, tmp_path: Path
) -> None:
    url, cache = bench.upload("one"), bench.cache()
    shutil.copytree(tmp_path / "artifacts", tmp_path / "moved")

    first = asyncio.run(cache.fetch(url))
    second = asyncio.run(cache.fetch(url.replace("/artifacts/", "/moved/")))

    assert first == second
    assert len(bench.fetched) == 1


def test_concurrent_requests_share_one_fetch(bench: Bench) -> None:
    url, cache = bench.upload("one"), bench.cache()

    async def ask() -> list[Path]:
        return await asyncio.gather(*(cache.fetch(url) for _ in range(20)))

    assert len(set(asyncio.run(ask()))) == 1
    assert len(bench.fetched) == 1


def test_threads_with_their_own_event_loops_wait_for_one_fetch(bench: Bench) -> None:
    url, cache = bench.upload("one"), bench.cache()
    barrier = threading.Barrier(8)

    def ask(_n: int) -> Path:
        barrier.wait()
        return asyncio.run(cache.fetch(url))

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(ask, range(8)))

    assert len(found) == 1
    assert len(bench.fetched) == 1


def test_if_the_first_request_is_cancelled_another_one_fetches(bench: Bench) -> None:
    url, cache = bench.upload("one"), bench.cache()

    async def ask() -> Path:
        first = asyncio.ensure_future(cache.fetch(url))
        second = asyncio.ensure_future(cache.fetch(url))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert page(asyncio.run(ask())) == b"one"
    assert bench.kept() == 1


def test_a_cancelled_request_does_not_stop_the_others(bench: Bench) -> None:
    url, cache = bench.upload("one"), bench.cache()

    async def ask() -> Path:
        first = asyncio.ensure_future(cache.fetch(url))
        second = asyncio.ensure_future(cache.fetch(url))
        await asyncio.sleep(0)
        second.cancel()
        return await first

    assert page(asyncio.run(ask())) == b"one"
    assert len(bench.fetched) == 1


def test_all_waiting_requests_get_the_error_and_the_next_one_tries_again(bench: Bench) -> None:
    url, cache = bench.upload("one"), bench.cache()
    archive = next((bench.tmp_path / "artifacts").rglob("*.tar.zst"))
    archive.rename(archive.with_suffix(".away"))

    async def ask() -> list[Path | BaseException]:
        return await asyncio.gather(*(cache.fetch(url) for _ in range(5)), return_exceptions=True)

    assert [type(answer) for answer in asyncio.run(ask())] == [ArtifactNotFound] * 5
    assert len(bench.fetched) == 1
    archive.with_suffix(".away").rename(archive)
    assert page(asyncio.run(cache.fetch(url))) == b"one"


def test_what_was_not_asked_for_the_longest_goes_first(bench: Bench) -> None:
    urls = [bench.upload(name) for name in ("one", "two", "three")]
    cache = bench.cache(2 * SIZE)

    one, two = (asyncio.run(cache.fetch(url)) for url in urls[:2])
    asyncio.run(cache.fetch(urls[0]))
    three = asyncio.run(cache.fetch(urls[2]))

    assert (one.exists(), two.exists(), three.exists()) == (True, False, True)
    asyncio.run(cache.fetch(urls[1]))
    assert len(bench.fetched) == 4
    assert bench.kept() == 2


def test_what_is_larger_than_the_cache_is_there_until_something_else_is_asked_for(
    bench: Bench,
) -> None:
    one, two, cache = bench.upload("one"), bench.upload("two"), bench.cache(SIZE // 2)

    folder = asyncio.run(cache.fetch(one))
    assert page(folder) == b"one"
    asyncio.run(cache.fetch(two))
    assert not folder.exists()


def test_folders_in_use_stay_above_the_limit(bench: Bench) -> None:
    urls = [bench.upload(name) for name in ("one", "two", "three")]
    cache = bench.cache(0)

    async def hold() -> None:
        async with cache.hold(urls[0]) as one:
            async with cache.hold(urls[1]) as two, cache.hold(urls[2]) as three:
                assert [page(folder) for folder in (one, two, three)] == [b"one", b"two", b"three"]
            assert page(one) == b"one"
            assert not two.exists()

    asyncio.run(hold())


def test_what_is_held_is_let_go_when_its_user_fails(bench: Bench) -> None:
    one, two, cache = bench.upload("one"), bench.upload("two"), bench.cache(0)

    async def fail() -> None:
        async with cache.hold(one):
            raise RuntimeError("while it was held")

    with pytest.raises(RuntimeError, match="while it was held"):
        asyncio.run(fail())
    asyncio.run(cache.fetch(two))

    assert bench.kept() == 1


def test_what_is_held_is_let_go_when_its_user_is_cancelled(bench: Bench) -> None:
    one, two, cache = bench.upload("one"), bench.upload("two"), bench.cache(0)

    async def hold_for_ever() -> None:
        async with cache.hold(one):
            await asyncio.sleep(60)

    async def cancel(seconds: float) -> None:
        task = asyncio.ensure_future(hold_for_ever())
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.wait([task])

    for step in range(20):
        asyncio.run(cancel(0.001 * step))
        asyncio.run(cache.fetch(two))
        assert bench.kept() == 1


def test_a_full_disk_is_cleared_of_unused_assets(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, cache = bench.upload("one"), bench.upload("two"), bench.cache()
    asyncio.run(cache.fetch(one))

    def unpack_if_there_is_room(*arguments: object, **options: object) -> int:
        if bench.kept():
            raise DiskFull("no space left")
        return unpack_assets(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("helios.assets.cache.unpack_assets", unpack_if_there_is_room)

    assert page(asyncio.run(cache.fetch(two))) == b"two"
    assert bench.kept() == 1


def test_a_disk_that_stays_full_is_told_as_such(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, cache = bench.upload("one"), bench.cache()

    def no_space(*_: object, **__: object) -> int:
        raise DiskFull(os.strerror(errno.ENOSPC))

    monkeypatch.setattr("helios.assets.cache.unpack_assets", no_space)

    with pytest.raises(DiskFull):
        asyncio.run(cache.fetch(url))


def test_a_url_that_names_no_assets_is_refused_unasked(bench: Bench) -> None:
    cache = bench.cache()
    for url in (
        "s3://bucket/jobs/1/job.json",
        f"s3://bucket/assets/{'A' * 64}.tar.zst",
        f"s3://bucket/assets/{'a' * 63}.tar.zst",
        f"s3://bucket/assets/{'a' * 64}.tar.gz",
        f"s3://bucket/assets/x{'a' * 64}.tar.zst",
    ):
        with pytest.raises(StorageInvalid, match="doesn't name assets"):
            asyncio.run(cache.fetch(url))

    assert bench.fetched == []


def test_an_archive_under_the_wrong_name_is_refused_and_leaves_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    url, cache = bench.upload("one"), bench.cache()
    archive = next((tmp_path / "artifacts").rglob("*.tar.zst"))
    wrong = "0" * 64
    archive.rename(archive.with_name(f"{wrong}.tar.zst"))

    with pytest.raises(ArtifactCorrupt, match="was promised"):
        asyncio.run(cache.fetch(f"{url.rpartition('/')[0]}/{wrong}.tar.zst"))

    assert bench.kept() == 0
    assert not list(bench.folder.rglob("*.tar.zst"))


def test_an_archive_beyond_the_limits_is_refused_and_leaves_nothing(bench: Bench) -> None:
    url = bench.upload("one")
    cache = bench.cache(limits=ArchiveLimits(unpacked_bytes=SIZE))

    with pytest.raises(ArchiveInvalid, match=r"[0-9a-f]{64}.* more than 1000 bytes"):
        asyncio.run(cache.fetch(url))

    assert not [path for path in bench.folder.rglob("*") if path.is_file() and path.stat().st_size]


def test_a_cancelled_fetch_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    cache = bench.cache()
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / "noise").write_bytes(os.urandom(40_000_000))
    url = asyncio.run(upload_assets(bench.storage, folder))

    async def cancel(seconds: float) -> None:
        task = asyncio.ensure_future(cache.fetch(url))
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.wait([task])

    for step in range(6):
        asyncio.run(cancel(0.02 * step))
        if bench.kept():
            break
        assert not list(bench.folder.glob("*/*"))


def test_jobs_can_not_change_what_others_will_use(bench: Bench) -> None:
    folder = asyncio.run(bench.cache().fetch(bench.upload("one")))

    for path in [folder, *folder.rglob("*")]:
        assert not path.stat().st_mode & 0o222


# --- several processes ----------------------------------------------------------------------


def test_closing_removes_everything(bench: Bench) -> None:
    cache = bench.cache()
    asyncio.run(cache.fetch(bench.upload("one")))

    cache.close()
    cache.close()

    assert [path.name for path in bench.folder.iterdir()] == [".lock"]


def test_two_caches_in_one_folder_keep_out_of_each_other_s_way(bench: Bench) -> None:
    url = bench.upload("one")
    first, second = bench.cache(), bench.cache()

    mine, theirs = asyncio.run(first.fetch(url)), asyncio.run(second.fetch(url))
    assert mine != theirs
    first.close()
    assert page(theirs) == b"one"


def test_what_a_process_left_that_was_killed_is_removed_by_the_next_one(bench: Bench) -> None:
    url = bench.upload("one")
    program = (
        "import asyncio, sys, time; from pathlib import Path\n"
        "from helios.assets import AssetCache\n"
        "cache = AssetCache(Path(sys.argv[1]))\n"
        "print(asyncio.run(cache.fetch(sys.argv[2])), flush=True)\n"
        "time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(bench.folder), url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    left = Path(process.stdout.readline().strip())

    bench.cache()
    assert left.exists()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    bench.cache()

    assert not left.exists()
    assert bench.kept() == 0
