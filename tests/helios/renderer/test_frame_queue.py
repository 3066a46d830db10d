"""Frames are shared among pages, and their pictures come out in order."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from helios.renderer.frame_queue import FrameQueue


def _picture(frame: int) -> bytes:
    return str(frame).encode()


async def _shoot(frames: range, delays: list[list[int]]) -> tuple[list[bytes], list[list[int]]]:
    """Let one taker for each list of delays take frames; return the pictures and who took what."""
    queue = FrameQueue(frames, pages=len(delays))
    taken: list[list[int]] = [[] for _ in delays]

    async def take(number: int) -> None:
        async for frame in queue.take():
            for _ in range(delays[number][frame % len(delays[number])]):
                await asyncio.sleep(0)
            taken[number].append(frame)
            queue.put(frame, _picture(frame))

    async def write() -> list[bytes]:
        return [picture async for picture in queue.pictures()]

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        writing = group.create_task(write())
        for number in range(len(delays)):
            group.create_task(take(number))
    return writing.result(), taken


@given(
    start=st.integers(0, 50),
    count=st.integers(1, 120),
    delays=st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=7), min_size=1, max_size=4),
)
def test_every_frame_is_taken_once_and_comes_out_in_order(
    start: int, count: int, delays: list[list[int]]
) -> None:
    frames = range(start, start + count)

    pictures, taken = asyncio.run(_shoot(frames, delays))

    assert pictures == [_picture(frame) for frame in frames]
    assert sorted(frame for own in taken for frame in own) == list(frames)
    # A page only ever moves on.
    assert all(own == sorted(own) for own in taken)


def test_a_slow_page_leaves_the_frames_to_the_others() -> None:
    _, (slow, quick) = asyncio.run(_shoot(range(100), [[40], [0]]))

    assert len(slow) < len(quick) / 3


def test_what_one_page_found_out_to_stand_still_is_known_to_all() -> None:
    queue = FrameQueue(range(10, 40), pages=2)

    queue.hold(12, float("inf"), b"still")

    assert queue.held(11) is None
    assert queue.held(12) == queue.held(39) == b"still"


def test_a_shorter_standstill_does_not_take_the_place_of_a_longer_one() -> None:
    queue = FrameQueue(range(40), pages=2)

    queue.hold(5, 20, b"long")
    queue.hold(3, 4, b"short")

    assert queue.held(19) == b"long"
    assert queue.held(3) is None


def test_large_pictures_are_drawn_fewer_ahead() -> None:
    async def drawn_ahead(picture_bytes: int) -> int:
        queue = FrameQueue(range(100), pages=2, picture_bytes=picture_bytes)
        taken = []

        async def take() -> None:
            async for frame in queue.take():
                taken.append(frame)

        taking = asyncio.ensure_future(take())
        await asyncio.sleep(0)
        taking.cancel()
        return len(taken)

    assert asyncio.run(drawn_ahead(0)) == 32
    assert asyncio.run(drawn_ahead(12 << 20)) == 10
    assert asyncio.run(drawn_ahead(1 << 30)) == 2
