"""Pages that the fuzzer found and made small look the same in every way of rendering them."""

from pathlib import Path

import pytest

from fuzz.run import run_page

from .conftest import FuzzStudio

pytestmark = [pytest.mark.browser, pytest.mark.proof, pytest.mark.xdist_group("fuzz")]

FOUND = Path(__file__).with_name("found")
#: Pages that differ still, with the reason. One that no longer differs must leave this list.
PENDING = {
    "layer-that-is-skewed": "an image is reduced from the size that was needed before",
}
PAGES = [
    pytest.param(
        page.name,
        marks=pytest.mark.xfail(strict=True, reason=PENDING[page.name])
        if page.name in PENDING
        else (),
    )
    for page in sorted(FOUND.iterdir())
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_once_differed_equals_its_reference(fuzz_studio: FuzzStudio, name: str) -> None:
    found = fuzz_studio.run(run_page(fuzz_studio.studio, FOUND / name))
    assert [str(difference) for difference in found] == []
