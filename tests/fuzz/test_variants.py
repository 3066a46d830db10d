"""The ways to render a page."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

import fuzz.renders
from fuzz.pages.draw import FRAMES
from fuzz.pages.page import make_page
from fuzz.pages.tree import Node
from fuzz.variants import BUSY, VARIANTS, Variant, variants_of
from helios.renderer.browser.chromium import Browser, open_browser

from .conftest import FuzzStudio

SEEDS = range(200)


def test_the_same_seed_is_rendered_in_the_same_ways() -> None:
    assert variants_of(7) == variants_of(7)
    assert variants_of(7) != variants_of(8)


def test_many_seeds_try_every_edge_and_chunks_of_one_frame() -> None:
    drawn = [variant for seed in SEEDS for variant in variants_of(seed)]
    assert {chunk.start for variant in drawn for chunk in variant.chunks} == set(range(FRAMES))
    assert any(len(chunk) == 1 for variant in drawn for chunk in variant.chunks)


@pytest.mark.parametrize("variant", [*VARIANTS, *variants_of(1)], ids=lambda one: one.name)
def test_chunks_make_up_the_timeline(variant: Variant) -> None:
    frames = [frame for chunk in variant.chunks for frame in chunk]
    # What comes before drawn chunks is in the one chunk.
    assert frames == list(range(variant.first, FRAMES))
    assert (variant.first > 0) == (variant.name == "drawn chunks")


def test_one_of_twenty_seeds_has_fresh_browsers() -> None:
    fresh = [seed for seed in SEEDS if any(variant.fresh for variant in variants_of(seed))]
    assert len(fresh) == len(SEEDS) / 20


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.xdist_group("fuzz")
def test_each_chunk_of_a_fresh_variant_starts_its_browsers(
    fuzz_studio: FuzzStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Browser] = []

    @contextlib.asynccontextmanager
    async def recorded(**settings: Any) -> AsyncIterator[Browser]:
        async with open_browser(**settings) as browser:
            started.append(browser)
            yield browser
        assert browser.devtools.closed.is_set()

    monkeypatch.setattr(fuzz.renders, "open_browser", recorded)
    studio = fuzz_studio.studio
    composition = studio.write(make_page((Node("box", 3),)))
    pictures, _ = expected = fuzz_studio.run(studio.reference(composition))
    started.clear()
    variant = replace(BUSY, browsers=2, fresh=True)
    found = fuzz_studio.run(studio.differences(composition, (variant,), expected=expected))
    assert found == []
    assert len(pictures) == FRAMES
    assert len({browser.pid for browser in started}) == 4
