"""When a batch stops because its rows fail."""

from helios.contract.error_record import ErrorRecord
from helios.errors import CircuitOpen, CompositionFailed
from orchestrator.api.batches.results import RowResult, RowState
from orchestrator.api.batches.row_failures import RowFailures

BROKEN = ErrorRecord.of(CompositionFailed("no such colour"))


def row(state: RowState) -> RowResult:
    error = BROKEN if state is RowState.FAILED else None
    return RowResult(row=1, line=1, state=state, output="v.mp4", error=error)


def test_twenty_failures_in_a_row_stop_a_batch_whatever_was_unchanged_between_them() -> None:
    failures = RowFailures()
    for _ in range(19):
        assert failures.note(row(RowState.FAILED)) is None
    assert failures.note(row(RowState.UNCHANGED)) is None
    fault = failures.note(row(RowState.FAILED))
    assert isinstance(fault, CircuitOpen)
    assert list(fault.details) == ["no such colour"]


def test_a_row_that_is_rendered_begins_the_count_anew() -> None:
    failures = RowFailures()
    for _ in range(3):
        for _ in range(19):
            assert failures.note(row(RowState.FAILED)) is None
        assert failures.note(row(RowState.RENDERED)) is None
