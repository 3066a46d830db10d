"""The content of a page, as a tree that is drawn from a seed and can be reduced."""

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from fuzz.pages.kinds import EFFECTS, ELEMENTS

_MOST_ELEMENTS = 4
_MOST_EFFECTS = 3
_DEPTH = 2


@dataclass(frozen=True)
class Node:
    """An element: its kind, the seed of its values, its effects, and its content."""

    kind: str
    seed: int
    effects: tuple[tuple[str, int], ...] = ()
    children: tuple["Node", ...] = ()

    def kinds(self) -> Iterator[str]:
        """Yield the names of all kinds in it."""
        yield self.kind
        yield from (name for name, _ in self.effects)
        for child in self.children:
            yield from child.kinds()

    def smaller(self) -> Iterator["Node | None"]:
        """Yield it without one of its parts; None for the element itself."""
        yield None
        yield from self.children
        for number in range(len(self.effects)):
            yield replace(self, effects=_without(self.effects, number))
        for number, child in enumerate(self.children):
            for less in child.smaller():
                rest = self.children[:number], self.children[number + 1 :]
                inside = (*rest[0], *((less,) if less else ()), *rest[1])
                yield replace(self, children=inside)

    def __str__(self) -> str:
        effects = "".join(f"+{name}" for name, _ in self.effects)
        inside = f"({', '.join(map(str, self.children))})" if self.children else ""
        return f"{self.kind}{effects}{inside}"


Forest = tuple[Node, ...]


def grow(seed: int, *, without: Collection[str] = (), only: Collection[str] = ()) -> Forest:
    """Draw a page.

    Args:
        without: Kinds that are excluded.
        only: Kinds of which each page has at least one; any by default.
    """
    # A str is seeded by its digest; with an int, neighbouring seeds have similar first values.
    chance = random.Random(f"page {seed}")
    while True:
        count = chance.choice((1, 1, 2, 2, 3, _MOST_ELEMENTS))
        forest = tuple(_node(chance, _DEPTH, without) for _ in range(count))
        kinds = {kind for node in forest for kind in node.kinds()}
        if not only or kinds & set(only):
            return forest


def smaller(forest: Forest) -> Iterator[Forest]:
    """Yield the pages with one part less."""
    for number, node in enumerate(forest):
        for less in node.smaller():
            yield (*forest[:number], *((less,) if less else ()), *forest[number + 1 :])


def _node(chance: random.Random, depth: int, without: Collection[str]) -> Node:
    names = [
        name
        for name, kind in ELEMENTS.items()
        if name not in without and (depth > 0 or not kind.holds)
    ]
    name = chance.choices(names, [ELEMENTS[name].weight for name in names])[0]
    offered = [effect for effect in EFFECTS if effect not in without]
    weights = [EFFECTS[effect].weight for effect in offered]
    count = chance.choice((0, 1, 1, 2, _MOST_EFFECTS))
    effects = dict.fromkeys(chance.choices(offered, weights, k=count))
    inside = range(chance.randint(1, 2) if ELEMENTS[name].holds else 0)
    return Node(
        name,
        _seed(chance),
        tuple((effect, _seed(chance)) for effect in effects),
        tuple(_node(chance, depth - 1, without) for _ in inside),
    )


def _seed(chance: random.Random) -> int:
    return chance.getrandbits(32)


def _without(effects: tuple[tuple[str, int], ...], number: int) -> tuple[tuple[str, int], ...]:
    return effects[:number] + effects[number + 1 :]
