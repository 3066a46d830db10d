"""Registers the kinds of pieces of pages.

An element may contain other elements. An effect belongs to an element: it styles or moves it, by
CSS or by a script.
"""

from collections.abc import Callable
from dataclasses import dataclass

from fuzz.pages.draw import Draw
from fuzz.pages.part import Part

MakeElement = Callable[[Draw, Part], Part]
"""Called with the part inside; returns the element, with the markup of that part in its own."""
MakeEffect = Callable[[Draw], Part]


@dataclass(frozen=True)
class Element:
    """A kind of element.

    Attributes:
        make: Creates one.
        weight: Relative frequency.
        holds: Whether it contains other elements.
        boundary: Whether its content is a separate document or shadow tree, created by `make`.
    """

    make: MakeElement
    weight: float
    holds: bool
    boundary: bool


@dataclass(frozen=True)
class Effect:
    """A kind of effect, with its relative frequency."""

    make: MakeEffect
    weight: float


ELEMENTS: dict[str, Element] = {}
EFFECTS: dict[str, Effect] = {}


def element(
    *, weight: float = 1, holds: bool = False, boundary: bool = False
) -> Callable[[MakeElement], MakeElement]:
    """Register a function that makes an element under its name."""

    def register(make: MakeElement) -> MakeElement:
        ELEMENTS[make.__name__] = Element(make, weight, holds or boundary, boundary)
        return make

    return register


def effect(*, weight: float = 1) -> Callable[[MakeEffect], MakeEffect]:
    """Register a function that makes an effect under its name."""

    def register(make: MakeEffect) -> MakeEffect:
        EFFECTS[make.__name__] = Effect(make, weight)
        return make

    return register
