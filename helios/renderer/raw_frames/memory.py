"""The memory that a browser's processes share with this one, for one frame at a time.

The library (`raw_frames.c`) is preloaded into the browser. It answers a JPEG encoding that was
requested here with a frame in this memory, and gives the request's token in place of a JPEG. All
other encodings, such as those of a page's own scripts, are not affected.
"""

import mmap
import os
import secrets
import struct
from collections.abc import Mapping
from pathlib import Path

#: Environment variable that switches raw frames off, by the value 0.
SWITCH_VARIABLE = "HELIOS_RAW_FRAMES"
#: Environment variable that tells the library the file of the shared memory.
FILE_VARIABLE = "HELIOS_RAW_FRAMES_FILE"
#: The library; `make setup` and the images' Dockerfiles build it where there is a compiler.
LIBRARY = Path(__file__).parent / "built" / "raw_frames.so"

#: Layout of the memory, as in `raw_frames.c`: a request, and from this offset on the frame.
_FRAME_OFFSET = 4096
_KEY_BYTES = 24
_REQUEST = struct.Struct(f"={_KEY_BYTES}s16sII")
#: Where a request's token is, and a token that means that nothing is requested.
_TOKEN = slice(_KEY_BYTES, _KEY_BYTES + 16)
_NO_TOKEN = bytes(16)


class FrameMemory:
    """Shared memory for one frame.

    A frame has the planes Y, U and V of 8 bits, the latter two of half the width and height
    (I420), in BT.709's limited range.

    Attributes:
        environment: Variables with which a browser is started, so that its processes share the
            memory.
        size: Largest width and height of a frame in pixels, and that of the page's pictures.
    """

    def __init__(
        self, memory: mmap.mmap, environment: Mapping[str, str], *, size: tuple[int, int]
    ) -> None:
        self.environment = environment
        self.size = size
        self._memory = memory
        self._token = _NO_TOKEN
        self._bytes = 0

    def request(self, size: tuple[int, int] | None = None) -> bytes:
        """Ask for the next picture as a raw frame; return the request's key.

        `size` is the picture's width and height in pixels, by default the page's.

        The browser's own process needs no key. In a page's process the request is answered only
        by an encoding that follows one of the key: a picture of 8 x 1 pixels with these bytes as
        red, green and blue. Key and token are random and of use once.
        """
        width, height = size or self.size
        key, self._token = secrets.token_bytes(_KEY_BYTES), secrets.token_bytes(len(_NO_TOKEN))
        self._bytes = width * height * 3 // 2
        self._memory[: _REQUEST.size] = _REQUEST.pack(key, self._token, width, height)
        return key

    def take(self, answer: bytes) -> bytes | None:
        """Return the frame if an encoding's result answers the request, else None.

        Either ends the request. Nothing that is read from the memory is trusted but as pixels.
        """
        wanted, self._token = self._token, _NO_TOKEN
        self._memory[_TOKEN] = _NO_TOKEN
        if wanted == _NO_TOKEN or not secrets.compare_digest(answer, wanted):
            return None
        return self._memory[_FRAME_OFFSET : _FRAME_OFFSET + self._bytes]


def why_unavailable() -> str | None:
    """Return why no browser gives raw frames here; None if a handshake has to tell."""
    if os.environ.get(SWITCH_VARIABLE) == "0":
        return f"{SWITCH_VARIABLE} is 0"
    if not LIBRARY.exists():
        return f"{LIBRARY.name} isn't built"
    if set(str(LIBRARY)) & set(": "):
        return f"{LIBRARY.name} can't be preloaded from a path with a colon or a space"
    return None


def open_frame_memory(folder: Path, *, size: tuple[int, int]) -> FrameMemory | None:
    """Share memory for frames of up to a size, by a file in a folder that is private.

    None if raw frames are unavailable, or there is no space.
    """
    if why_unavailable() is not None:
        return None
    path = folder / "raw-frames"
    width, height = size
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            # Without its space, writing to the memory would end a process of the browser.
            total = _FRAME_OFFSET + max(width * height * 3 // 2, _FRAME_OFFSET)
            os.posix_fallocate(file, 0, total)
            memory = mmap.mmap(file, total)
        finally:
            os.close(file)
    except OSError:
        return None
    preloaded = filter(None, (str(LIBRARY), os.environ.get("LD_PRELOAD")))
    environment = {"LD_PRELOAD": ":".join(preloaded), FILE_VARIABLE: str(path)}
    return FrameMemory(memory, environment, size=size)
