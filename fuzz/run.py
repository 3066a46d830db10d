"""One seed: its page, rendered in every way, and made small where something differs."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from fuzz.compare import Difference
from fuzz.pages.page import make_page
from fuzz.pages.shrink import shrink
from fuzz.pages.tree import Forest, grow
from fuzz.renders import Studio
from fuzz.variants import REFERENCE, VARIANTS, Variant, variants_of
from helios.errors import HeliosError
from helios.renderer.composition import Composition

#: Renders of a page that shows a difference only now and then, before it counts as equal.
_MOST_TRIES = 3


@dataclass(frozen=True)
class Outcome:
    """What became of a seed.

    Attributes:
        forest: The page, as small as it still shows a difference.
        differences: How variants of the whole page differ from its reference.
        seconds: How long it took, without making it small.
    """

    seed: int
    forest: Forest
    differences: Sequence[Difference]
    seconds: float


async def run_seed(
    studio: Studio,
    seed: int,
    *,
    without: Collection[str] = (),
    only: Collection[str] = (),
    shrinks: bool = True,
    variants: Sequence[Variant] = (),
) -> Outcome:
    """Render the page of a seed in every way.

    Args:
        without, only: As `fuzz.pages.tree.grow`.
        shrinks: Whether a page that shows a difference is made small.
        variants: The ways, by default those of the seed; one that is given several times is
            rendered as often.
    """
    variants = variants or variants_of(seed)
    began = time.monotonic()
    forest = grow(seed, without=without, only=only)
    differences = await _differences(studio, forest, variants)
    seconds = time.monotonic() - began
    if differences and shrinks:
        names = {difference.variant for difference in differences}
        # A variant that differs for sure tells more than one that does so now and then.
        first = next((one.name for one in variants if one.name in names and not one.busy), None)
        wanted = [one for one in variants if one.name in ({first} if first else names)]

        async def differs(less: Forest) -> bool:
            tries = 1 if first else _MOST_TRIES
            for _ in range(tries):
                found = await _differences(studio, less, wanted)
                # A smaller page that is broken shows something else.
                if any(one.variant != REFERENCE for one in found):
                    return True
            return False

        forest = await shrink(forest, differs)
    return Outcome(seed, forest, differences, seconds)


async def run_page(
    studio: Studio, folder: Path, variants: Sequence[Variant] = VARIANTS
) -> list[Difference]:
    """Render the page in a folder in every way."""
    return await _tried(studio, studio.copy(folder), variants)


async def _differences(
    studio: Studio, forest: Forest, variants: Sequence[Variant]
) -> list[Difference]:
    return await _tried(studio, studio.write(make_page(forest)), variants)


async def _tried(
    studio: Studio, composition: Composition, variants: Sequence[Variant]
) -> list[Difference]:
    try:
        return await studio.differences(composition, variants)
    except HeliosError as error:
        reason = "; ".join([f"{error.code}: {error.message}", *error.details])
        return [Difference(REFERENCE, reason=reason)]
