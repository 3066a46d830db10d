"""Who takes which frame, and in which order pictures come out."""

import asyncio
from collections.abc import AsyncIterator

#: Frames in a row that one page takes. Few, so that a short movement is shared among all pages.
TURN_FRAMES = 4
#: Turns that each page may be ahead of the writer, so that none waits for another.
_TURNS_AHEAD = 4


class Reel:
    """Hands out a range of frames to several pages, and puts their pictures in order.

    Parameters
    ----------
    frames:
        The frames, by their numbers on the timeline.
    takers:
        How many pages take frames.
    """

    def __init__(self, frames: range, *, takers: int) -> None:
        self._frames = frames
        self._turn = TURN_FRAMES if takers > 1 else 1
        self._ahead = takers * self._turn * _TURNS_AHEAD
        self._next = frames.start
        self._taken: dict[int, bytes] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self._still = range(0)
        self._picture = b""
        #: Frames that the writer has been given.
        self.written = 0

    async def turns(self) -> AsyncIterator[int]:
        """Yield the next frames that no browser has taken."""
        while self._next < self._frames.stop:
            turn = range(self._next, min(self._next + self._turn, self._frames.stop))
            self._next = turn.stop
            for frame in turn:
                while frame - self._frames.start - self.written >= self._ahead:
                    await self._wait()
                yield frame

    def known(self, frame: int) -> bytes | None:
        """Return a frame's picture if some page has found out that nothing changes until then."""
        return self._picture if frame in self._still else None

    def stands(self, frame: int, until: float, picture: bytes) -> None:
        """Note that a frame's picture is that of all frames before `until`, for every page."""
        stop = int(min(until, self._frames.stop))
        if stop > self._still.stop:
            self._still, self._picture = range(frame, stop), picture

    def put(self, frame: int, picture: bytes) -> None:
        """Take a frame's picture."""
        self._taken[frame] = picture
        self._wake()

    async def pictures(self) -> AsyncIterator[bytes]:
        """Yield all pictures in the order of their frames."""
        for frame in self._frames:
            while frame not in self._taken:
                await self._wait()
            self.written += 1
            self._wake()
            yield self._taken.pop(frame)

    async def _wait(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
