"""Distributes a range of frames to several pages and returns their pictures in frame order."""

import asyncio
from collections.abc import AsyncIterator

#: Consecutive frames that one page takes. Few, so that a short movement is shared by all pages.
TURN_FRAMES = 4
#: Turns that each page may be ahead of the writer, so that pages don't wait for each other.
_TURNS_AHEAD = 4
#: Limit of bytes of pictures that pages are ahead of the writer, if pictures are all of one size.
_MAX_AHEAD_BYTES = 128 << 20


class FrameQueue:
    """Queue of frames to draw by a number of pages, and of the pictures drawn.

    `picture_bytes` is the size of each picture if they are all of one size, else 0.
    """

    def __init__(self, frames: range, *, pages: int, picture_bytes: int = 0) -> None:
        self._frames = frames
        self._turn = TURN_FRAMES if pages > 1 else 1
        self._ahead = pages * self._turn * _TURNS_AHEAD
        if picture_bytes:
            self._ahead = max(pages, min(self._ahead, _MAX_AHEAD_BYTES // picture_bytes))
        self._next = frames.start
        self._pictures: dict[int, bytes] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self._held = range(0)
        self._held_picture = b""
        #: Number of pictures that `pictures` has yielded.
        self.written = 0

    async def take(self) -> AsyncIterator[int]:
        """Yield the next frames that no page has taken, until all are taken."""
        while self._next < self._frames.stop:
            turn = range(self._next, min(self._next + self._turn, self._frames.stop))
            self._next = turn.stop
            for frame in turn:
                while frame - self._frames.start - self.written >= self._ahead:
                    await self._wait()
                yield frame

    def held(self, frame: int) -> bytes | None:
        """Return a frame's picture if `hold` covers the frame, else None."""
        return self._held_picture if frame in self._held else None

    def hold(self, frame: int, until: float, picture: bytes) -> None:
        """Reuse a frame's picture for all frames before `until`, for every page."""
        stop = int(min(until, self._frames.stop))
        if stop > self._held.stop:
            self._held, self._held_picture = range(frame, stop), picture

    def put(self, frame: int, picture: bytes) -> None:
        """Add a frame's picture."""
        self._pictures[frame] = picture
        self._wake()

    async def pictures(self) -> AsyncIterator[bytes]:
        """Yield all pictures in the order of their frames."""
        for frame in self._frames:
            while frame not in self._pictures:
                await self._wait()
            self.written += 1
            self._wake()
            yield self._pictures.pop(frame)

    async def _wait(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
