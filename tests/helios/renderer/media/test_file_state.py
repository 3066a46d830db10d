"""What is read of a file is read once for each of its states."""

import asyncio
from pathlib import Path

import pytest

from helios.renderer.media.file_state import OncePerFile


class Reader:
    def __init__(self) -> None:
        self.calls = 0

    async def read(self, path: Path) -> str:
        self.calls += 1
        await asyncio.sleep(0)
        if not (text := path.read_text()):
            raise ValueError("empty")
        return text


async def test_a_file_is_read_once_for_all_who_wait(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    reader = Reader()
    read = OncePerFile(reader.read)
    assert await asyncio.gather(*(read(tmp_path / "a") for _ in range(3))) == ["one"] * 3
    assert (await read(tmp_path / "a"), reader.calls) == ("one", 1)


async def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    read = OncePerFile(Reader().read)
    await read(tmp_path / "a")
    (tmp_path / "a").write_text("three")
    assert await read(tmp_path / "a") == "three"


async def test_a_failure_is_not_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    read = OncePerFile(Reader().read)
    with pytest.raises(ValueError, match="empty"):
        await read(tmp_path / "a")
    (tmp_path / "a").write_text("one")
    assert await read(tmp_path / "a") == "one"


def test_it_is_used_from_one_event_loop_after_another(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    reader = Reader()
    read = OncePerFile(reader.read)

    async def twice() -> list[str]:
        return list(await asyncio.gather(read(tmp_path / "a"), read(tmp_path / "a")))

    assert asyncio.run(twice()) == asyncio.run(twice()) == ["one", "one"]
    assert reader.calls == 1
