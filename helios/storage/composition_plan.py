"""Plans how S3 makes one object of others: which bytes it copies itself, which pass through here.

S3 copies ranges of objects into parts of a new one (`UploadPartCopy`), but every part except the
last has 5 MiB or more, and an object has at most 10,000 parts
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html). Ranges that are smaller are
fetched and uploaded together as one part: three requests for two small objects, where copying them
onto each other inside S3 would take eight, and copy some bytes several times.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

#: Bytes of a part at least, but for the last one.
MIN_PART = 5 << 20
#: Bytes of a part at most.
MAX_PART = 5 << 30
#: Parts of an object at most.
MAX_PARTS = 10_000


@dataclass(frozen=True)
class Range:
    """Bytes of an object."""

    key: str
    start: int
    end: int

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self.end - self.start


#: A part of a new object: one range that S3 copies, or several that are uploaded together.
Part = tuple[Range, ...]


def size_of(parts: Iterable[Part]) -> int:
    """Return the number of bytes of some parts."""
    return sum(each.size for part in parts for each in part)


def plan_parts(sources: Iterable[Range]) -> list[Part]:
    """Return the parts of an object that consists of ranges of others, in their order.

    Every part but the last has `MIN_PART` bytes or more, none more than `MAX_PART`.
    """
    parts: list[Part] = []
    small: list[Range] = []
    missing = MIN_PART
    for source in sources:
        rest = source
        if small and rest.size:
            # Small ranges are filled up with as little of a large one as leaves no small range.
            taken = missing if rest.size >= missing + MIN_PART else rest.size
            small.append(Range(rest.key, rest.start, rest.start + taken))
            rest = Range(rest.key, rest.start + taken, rest.end)
            missing -= taken
            if missing <= 0:
                parts.append(tuple(small))
                small, missing = [], MIN_PART
        if rest.size >= MIN_PART:
            parts += [(each,) for each in _slices(rest)]
        elif rest.size:
            small, missing = [rest], MIN_PART - rest.size
    return [*parts, tuple(small)] if small else parts


def count_to_combine(parts: Sequence[Part]) -> int:
    """Return how many of the first parts to combine first, so that all fit one object.

    0 where they fit. The combined object is copied in turn, in slices of `MAX_PART` bytes.
    """
    excess = len(parts) - MAX_PARTS
    if excess <= 0:
        return 0
    size = 0
    for count, part in enumerate(parts[:MAX_PARTS], 1):
        size += size_of([part])
        if count - -(-size // MAX_PART) >= excess:
            return count
    return MAX_PARTS


def _slices(whole: Range) -> list[Range]:
    count = max(1, -(-whole.size // MAX_PART))
    edges = [whole.start + whole.size * number // count for number in range(count + 1)]
    return [Range(whole.key, edges[number], edges[number + 1]) for number in range(count)]
