"""The ways to render a page, each of whose results has to equal the reference."""

import itertools
import random
from dataclasses import dataclass, replace

from fuzz.pages.draw import FRAMES

#: Most chunks of a page that is one of many.
_MOST_CHUNKS = 4
#: One of so many seeds is rendered in browsers that are started for it.
_FRESH_EVERY = 20


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A way to render a page.

    Attributes:
        name: What reports call it.
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


#: What a difference is called that the reference itself shows.
REFERENCE = "reference"
#: As on a machine that does other things at the same time, whose every render takes another course.
BUSY = Variant(name="busy", cuts=(11,), busy=True)
#: Of a page that isn't one of many: uneven chunks, one of a single frame.
VARIANTS = (
    Variant(name="1 chunk"),
    Variant(name="7 chunks", cuts=(2, 7, 8, 14, 19, 27)),
    Variant(name="2 browsers", browsers=2),
    BUSY,
)


def variants_of(seed: int) -> tuple[Variant, ...]:
    """Return the ways to render the page of a seed.

    There are fewer chunks than in `VARIANTS`, and their edges differ: many seeds try all edges.
    """
    chance = random.Random(f"cuts {seed}")
    cuts = sorted(chance.sample(range(1, FRAMES), chance.randint(1, _MOST_CHUNKS - 1)))
    variants = (
        Variant(name="1 chunk"),
        # A chunk before them would do what the one chunk did first.
        Variant(name="drawn chunks", first=cuts[0], cuts=tuple(cuts[1:])),
        Variant(name="2 busy browsers", browsers=2, busy=True),
    )
    return tuple(replace(variant, fresh=seed % _FRESH_EVERY == 0) for variant in variants)
