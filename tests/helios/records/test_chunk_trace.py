import io
import json
import random
from pathlib import Path

import pytest
from PIL import Image

from helios.records.chunk_trace import (
    MAX_PICTURE_BYTES,
    MAX_SPANS,
    MAX_TRACE_BYTES,
    ChunkTrace,
    FrameSpan,
    clear_trace,
    evenly,
    trace_beside,
)


def noise(size: int = 160) -> bytes:
    picture = Image.frombytes("RGB", (size, size), random.Random(1).randbytes(3 * size * size))
    data = io.BytesIO()
    picture.save(data, "jpeg", quality=40)
    return data.getvalue()


def spans() -> list[FrameSpan]:
    times = {"script": 123.4567, "waiting": 123.4567, "raster": 123.4567, "encoding": 123.4567}
    return [FrameSpan(start=99_000 + 60 * n, frames=60, **times) for n in range(MAX_SPANS)]


def test_a_trace_is_beside_its_output() -> None:
    assert trace_beside("chunks/00001.mp4") == "chunks/00001.trace"


def test_a_trace_is_read_as_far_as_it_is_there(tmp_path: Path) -> None:
    assert ChunkTrace.read(tmp_path / "none", start=0).pictures == []
    (tmp_path / "0.jpg").write_bytes(noise(40))
    (tmp_path / "8.jpg").write_bytes(noise(40)[:100])  # the encoder writes it at this moment
    (tmp_path / "note.txt").write_text("not a picture")
    assert [each.frame for each in ChunkTrace.read(tmp_path, start=60).pictures] == [60]
    ChunkTrace(spans=spans(), versions={"helios": "1"}).save_facts(tmp_path)
    read = ChunkTrace.read(tmp_path, start=60)
    assert (read.spans, read.versions) == (spans(), {"helios": "1"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"spans": 1},
        {"spans": [{"start": 0, "frames": 0}]},
        {"spans": [{"start": -1, "frames": 1}]},
        {"spans": [{"start": 0, "frames": 10**400}]},
        {"spans": [{"start": 0, "frames": 1, "script": "1"}]},
        {"spans": [{"start": 0, "frames": 1, "raster": float("nan")}]},
        {"pictures": [{"frame": "0", "jpeg": "/9j/2Q=="}]},
        {"pictures": [{"frame": 0, "jpeg": "/9j/2Q="}]},
        {"pictures": [{"frame": 0, "jpeg": "/9j/__=="}]},
        {"pictures": [{"frame": 0, "jpeg": "/pictures/8"}]},
        {"pictures": [{"frame": 0, "jpeg": None}]},
        {"versions": {"helios": 1}},
        {"versions": ["helios"]},
    ],
)
def test_a_stored_trace_with_wrong_values_counts_as_damaged(wrong: dict[str, object]) -> None:
    right = {
        "spans": [{"start": 0, "frames": 1}],
        "pictures": [{"frame": 0, "jpeg": "/9j/2Q=="}],
        "versions": {"helios": "1"},
    }
    assert ChunkTrace.parse(json.dumps(right).encode()) is not None
    assert ChunkTrace.parse(json.dumps({**right, **wrong}).encode()) is None


def test_a_stored_trace_that_is_nested_too_deeply_counts_as_damaged() -> None:
    assert ChunkTrace.parse(b"[" * MAX_TRACE_BYTES) is None


def test_a_stored_trace_stays_below_its_limit_whatever_the_pictures(tmp_path: Path) -> None:
    picture = noise()
    assert 3 * len(picture) > MAX_PICTURE_BYTES
    for number in range(12):
        (tmp_path / f"{number}.jpg").write_bytes(picture)
    ChunkTrace(spans=spans()).save_facts(tmp_path)
    trace = ChunkTrace.read(tmp_path, start=0)
    assert trace.pictures
    stored = trace.to_bytes()
    assert len(stored) < MAX_TRACE_BYTES
    assert ChunkTrace.parse(stored) == trace


def test_the_items_that_stay_are_spread_evenly() -> None:
    assert evenly(range(8), 4) == [0, 2, 4, 6]
    assert evenly(range(7), 3) == [0, 2, 4]
    assert evenly(range(3), 4) == [0, 1, 2]
    assert evenly(range(3), 0) == evenly([], 4) == []


def test_an_attempt_begins_without_the_pictures_of_the_one_before(tmp_path: Path) -> None:
    (tmp_path / "7.jpg").write_bytes(noise(16))
    (tmp_path / "facts.json").write_text("{}")
    clear_trace(tmp_path)
    assert list(tmp_path.iterdir()) == []
