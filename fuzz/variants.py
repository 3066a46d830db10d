"""The ways to render a page that are compared with the reference."""

import itertools
import random
from dataclasses import dataclass, replace

from fuzz.pages.draw import FRAMES

#: Maximum number of chunks of a seed's page.
_MOST_CHUNKS = 4
#: One of this many seeds is rendered in newly started browsers.
_FRESH_EVERY = 20


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A way to render a page.

    Attributes:
        name: Its name in reports.
        first: First frame of the first chunk.
        cuts: First frames of all other chunks.
        browsers: Browsers that share a chunk.
        busy: Whether the cores are busy and the browser's messages come late.
        fresh: Whether each chunk starts its browsers, as a worker does, instead of a page in one
            that has shown others.
    """

    name: str
    first: int = 0
    cuts: tuple[int, ...] = ()
    browsers: int = 1
    busy: bool = False
    fresh: bool = False

    @property
    def chunks(self) -> list[range]:
        """The frames of each chunk."""
        edges = [self.first, *self.cuts, FRAMES]
        return [range(*edge) for edge in itertools.pairwise(edges)]


#: Name of a difference that the reference itself shows.
REFERENCE = "reference"
#: As on a machine with other load, where every render takes another course.
BUSY = Variant(name="busy", cuts=(11,), busy=True)
#: Variants of a folder's page: uneven chunks, one of a single frame.
VARIANTS = (
    Variant(name="1 chunk"),
    Variant(name="7 chunks", cuts=(2, 7, 8, 14, 19, 27)),
    Variant(name="2 browsers", browsers=2),
    BUSY,
)


def variants_of(seed: int) -> tuple[Variant, ...]:
    """Return the ways to render the page of a seed.

    There are fewer chunks than in `VARIANTS`, with edges that depend on the seed.
    """
    chance = random.Random(f"cuts {seed}")
    cuts = sorted(chance.sample(range(1, FRAMES), chance.randint(1, _MOST_CHUNKS - 1)))
    variants = (
        Variant(name="1 chunk"),
        # A chunk before them would only repeat the begin of the single chunk.
        Variant(name="drawn chunks", first=cuts[0], cuts=tuple(cuts[1:])),
        Variant(name="2 busy browsers", browsers=2, busy=True),
    )
    return tuple(replace(variant, fresh=seed % _FRESH_EVERY == 0) for variant in variants)
