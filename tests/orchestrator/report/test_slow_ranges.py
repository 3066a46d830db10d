from helios.records.chunk_trace import FrameSpan
from orchestrator.report.slow_ranges import slow_ranges


def span(start: int, seconds: float, **kinds: float) -> FrameSpan:
    return FrameSpan(start=start, frames=10, **(kinds or {"raster": seconds}))


def test_neighbouring_slow_spans_are_one_range_with_its_cause() -> None:
    spans = [span(n, 0.1) for n in range(0, 100, 10)]
    spans[4] = span(40, 0, script=0.9, raster=0.1)
    spans[5] = span(50, 0, script=0.8, raster=0.2)
    (found,) = slow_ranges(reversed(spans))
    assert (found.start, found.frames, found.seconds) == (40, 20, 2.0)
    assert (found.cause, found.cause_share) == ("script", 0.85)
    assert round(found.share, 2) == 0.71
    assert found.per_frame == 0.1


def test_the_range_that_took_longest_comes_first() -> None:
    spans = [span(n, 0.1) for n in range(0, 100, 10)]
    spans[1], spans[8] = span(10, 0.5), span(80, 0.7)
    assert [each.start for each in slow_ranges(spans)] == [80, 10]


def test_where_all_frames_take_the_same_none_is_slow() -> None:
    assert slow_ranges(span(n, 0.1) for n in range(0, 100, 10)) == []
    assert slow_ranges([]) == []
    assert slow_ranges([span(0, 0.0)]) == []


def test_times_that_are_almost_zero_divide_nothing_by_zero() -> None:
    assert slow_ranges([span(0, 5e-324), span(20, 0.0)]) == []
