"""Digests of a chunk's first and last encoded frames, which identify them in the video."""

import hashlib
from collections.abc import Sequence

from pydantic import Field

from helios.contract.wire_model import WireModel

#: Frames recorded at each end of a chunk.
END_FRAMES = 2
#: Largest brightness of a black cell: 16 in most videos, plus coding noise.
_BLACK = 20
#: Least brightness of a cell that is certainly not black.
_LIT = 40
#: Largest mean difference of cells between different decoders and scalers.
_ALIKE = 6.0
_DIGEST_LENGTH = 16


class EncodedEnd(WireModel, extra="ignore"):
    """The first or the last frames of a chunk."""

    encoded: list[str] = Field(description="Digest of each encoded frame, in decoding order.")
    thumbnails: list[str] = Field(
        default_factory=list,
        description="Each frame as 16 x 9 cells of brightness, hexadecimal, in presentation order; "
        "empty if it wasn't decoded.",
    )


class EncodedEnds(WireModel, extra="ignore"):
    """Both ends of a chunk."""

    first: EncodedEnd
    last: EncodedEnd
    sizes: str = Field(default="", description="Digest of the sizes of all encoded frames.")


def frame_digest(data: bytes) -> str:
    """Return the digest that identifies an encoded frame."""
    return hashlib.sha256(data).hexdigest()[:_DIGEST_LENGTH]


def sizes_digest(sizes: Sequence[int]) -> str:
    """Return the digest of the sizes of encoded frames."""
    return frame_digest(",".join(map(str, sizes)).encode())


def is_black(thumbnail: str) -> bool:
    """Return whether a frame is black."""
    return max(bytes.fromhex(thumbnail)) <= _BLACK


def is_lit(thumbnail: str) -> bool:
    """Return whether a frame is certainly not black."""
    return max(bytes.fromhex(thumbnail)) >= _LIT


def is_same_picture(thumbnail: str, other: str) -> bool:
    """Return whether two thumbnails can be of the same frame."""
    cells, others = bytes.fromhex(thumbnail), bytes.fromhex(other)
    distance = sum(abs(a - b) for a, b in zip(cells, others, strict=True))
    return distance <= _ALIKE * len(cells)
