"""Jobs that everything goes wrong with: nothing is lost, left or told wrongly. `make chaos` has more."""

from dataclasses import replace
from pathlib import Path

import pytest

from chaos.report import BEGIN, END, write_table
from chaos.run import Outcome, play
from chaos.trouble import Trouble

#: Between them, every kind of trouble.
SEEDS = (4, 6, 8, 9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
async def test_no_trouble_loses_a_chunk_or_leaves_anything_behind(
    seed: int, tmp_path: Path
) -> None:
    outcome = await play(seed, tmp_path / "scene")
    assert outcome.faults == []
    broken = outcome.trouble.broken_chunk is not None
    assert outcome.state == ("failed" if broken else "completed")
