"""Renders the page of a seed in every way, and reduces it if something differs."""

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

#: Number of renders without a difference after which a page counts as equal.
_MOST_TRIES = 3


@dataclass(frozen=True)
class Outcome:
    """The result of a seed.

    Attributes:
        forest: The page, reduced as far as it shows a difference.
        differences: Differences of variants of the whole page from its reference.
        seconds: Duration without the reduction.
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
        shrinks: Whether a page that shows a difference is reduced.
        variants: The ways, by default those of the seed; repeated ones are rendered repeatedly.
    """
    variants = variants or variants_of(seed)
    began = time.monotonic()
    forest = grow(seed, without=without, only=only)
    differences = await _differences(studio, forest, variants)
    seconds = time.monotonic() - began
    if differences and shrinks:
        names = {difference.variant for difference in differences}
        # A variant that always differs is more useful than one that sometimes does.
        first = next((one.name for one in variants if one.name in names and not one.busy), None)
        wanted = [one for one in variants if one.name in ({first} if first else names)]

        async def differs(less: Forest) -> bool:
            tries = 1 if first else _MOST_TRIES
            for _ in range(tries):
                found = await _differences(studio, less, wanted)
                # A reduced page that fails shows another fault.
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
