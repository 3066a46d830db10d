import pytest

from orchestrator.display.near_time_limit import NearTimeLimit
from orchestrator.model.events import ChunkFinished
from tests.orchestrator.display.test_time_use import spec_of


def test_the_chunk_nearest_to_its_limit_is_warned_of_with_a_length_that_takes_half() -> None:
    near = NearTimeLimit(spec_of(240, 240, 240))
    for chunk, seconds in enumerate((100.0, 750.0, 730.0)):
        near.note(ChunkFinished(chunk, 1, seconds, 900.0))
    warning = near.warning()
    assert warning is not None
    assert warning.code == "TIME_LIMIT_NEAR"
    assert warning.message == "chunk 1 took 12 min 30 s of the 15 min 00 s that a chunk may take"
    assert "`frames_per_chunk` 144" in warning.hint


@pytest.mark.parametrize("limit", [None, 900.0])
def test_chunks_far_from_a_limit_or_without_one_are_not_warned_of(limit: float | None) -> None:
    near = NearTimeLimit(spec_of(240))
    near.note(ChunkFinished(0, 1, 700.0, limit))
    assert near.warning() is None
