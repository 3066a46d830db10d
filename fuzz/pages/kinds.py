"""The kinds of pieces that pages are made of.

An element is a piece of its own, with other elements inside where it takes them. An effect belongs
to an element: it styles it, moves it, or has a script do so.
"""

from collections.abc import Callable
from dataclasses import dataclass

from fuzz.pages.draw import Draw
from fuzz.pages.part import Part

MakeElement = Callable[[Draw, Part], Part]
"""Called with what is inside; returns the element alone, with the markup inside in its own."""
MakeEffect = Callable[[Draw], Part]


@dataclass(frozen=True)
class Element:
    """A kind of element.

    Attributes:
        make: Makes one.
        weight: How often it is drawn beside the others.
        holds: Whether other elements go into it.
        boundary: Whether what is inside is a document or shadow tree of its own, which `make`
            makes.
    """

    make: MakeElement
    weight: float
    holds: bool
    boundary: bool


@dataclass(frozen=True)
class Effect:
    """A kind of effect, with how often it is drawn beside the others."""

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
