"""Random compositions look and sound the same in every way of rendering them."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from fuzz.compare import Difference, compare
from fuzz.pages.page import make_page
from fuzz.pages.tree import Node
from fuzz.run import Outcome, run_seed
from fuzz.variants import VARIANTS
from tests.sampling import sampled

from .conftest import FuzzStudio

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("fuzz")]

#: Seeds that aren't marked `long`; `make fuzz` renders any others.
SAMPLE = (7, 23)
SEEDS = (1, 4, 5, 7, 10, 18, 21, 23, 26, 28, 33, 35)


@pytest.mark.parametrize("seed", sampled(SEEDS, SAMPLE))
def test_a_random_page_equals_its_reference_in_every_way(
    fuzz_studio: FuzzStudio, seed: int
) -> None:
    outcome: Outcome = fuzz_studio.run(run_seed(fuzz_studio.studio, seed, shrinks=False))
    assert [str(difference) for difference in outcome.differences] == []


def test_a_page_that_depends_on_its_past_is_found(fuzz_studio: FuzzStudio) -> None:
    studio = fuzz_studio.studio
    page = make_page((Node("box", 3, (("counted_frames", 5),)),))
    text = page.files["index.html"].replace(" data-helios-replay", "")
    composition = studio.write(replace(page, files={"index.html": text}))
    [found] = fuzz_studio.run(studio.differences(composition, VARIANTS[:2]))
    assert found.variant == "7 chunks"
    assert found.pixels > 0


def test_pictures_with_the_same_pixels_are_equal_however_they_are_packed(
    fuzz_studio: FuzzStudio,
) -> None:
    def png(level: int, **settings: int) -> bytes:
        file = io.BytesIO()
        Image.new("RGB", (9, 5), (level, 20, 30)).save(file, "png", **settings)
        return file.getvalue()

    slow, quick = png(10, compress_level=9), png(10, compress_level=0)
    assert slow != quick
    assert compare("x", {0: slow}, {0: quick}) is None
    assert compare("x", {4: slow}, {4: png(13)}) == Difference("x", (4,), 3, 45)
