"""Pages look the same each time that they are rendered on a busy machine."""

from pathlib import Path

import pytest

from fuzz.races import FOLDERS, SEEDS
from fuzz.run import Outcome, run_page, run_seed
from fuzz.variants import BUSY

from .conftest import FuzzStudio

browser = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("fuzz")]

#: Renders of each page; `make fuzz ARGS="--races --times 100"` makes more.
TIMES = 3
#: Are rendered by `make test` as well.
QUICK = ("answers-of-a-worker",)


def test_there_are_twenty_pages() -> None:
    assert len({*FOLDERS, *SEEDS}) == 20
    assert [folder for folder in FOLDERS if not (folder / "index.html").is_file()] == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "folder",
    [
        pytest.param(
            folder, marks=[*browser, *([] if folder.name in QUICK else [pytest.mark.proof])]
        )
        for folder in FOLDERS
    ],
    ids=lambda folder: str(folder.name),
)
def test_a_page_looks_the_same_each_time(fuzz_studio: FuzzStudio, folder: Path) -> None:
    found = fuzz_studio.run(run_page(fuzz_studio.studio, folder, (BUSY,) * TIMES))
    assert [str(difference) for difference in found] == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=[*browser, pytest.mark.proof]) for seed in SEEDS]
)
def test_a_random_page_looks_the_same_each_time(fuzz_studio: FuzzStudio, seed: int) -> None:
    variants = (BUSY,) * TIMES
    outcome: Outcome = fuzz_studio.run(
        run_seed(fuzz_studio.studio, seed, shrinks=False, variants=variants)
    )
    assert [str(difference) for difference in outcome.differences] == []
