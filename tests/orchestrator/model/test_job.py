import itertools
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from helios.contract.error_record import ErrorRecord
from helios.errors import JobStateConflict, OptionInvalid
from orchestrator.model.job import Job, JobSummary, spec_digest
from orchestrator.model.job_chunk import LOG_TAIL, log_tail
from orchestrator.model.job_id import new_job_id
from orchestrator.model.job_state import ENDED, TRANSITIONS, JobState
from orchestrator.model.settings import RunSettings
from tests.orchestrator.job_repository.jobs import START, a_chunk, a_job, a_spec

LATER = START + timedelta(minutes=1)
LEGAL = {
    ("pending", "running"),
    ("pending", "paused"),
    ("pending", "failed"),
    ("pending", "cancelled"),
    ("running", "paused"),
    ("running", "completed"),
    ("running", "failed"),
    ("running", "cancelled"),
    ("paused", "running"),
    ("paused", "cancelled"),
    ("failed", "running"),
    ("cancelled", "running"),
}


@pytest.mark.parametrize(("old", "new"), [*itertools.product(JobState, JobState)])
def test_a_job_moves_only_along_legal_ways(old: JobState, new: JobState) -> None:
    job = a_job().model_copy(update={"state": old})
    if (str(old), str(new)) in LEGAL:
        moved = job.moved(new, at=LATER)
        assert (moved.state, moved.updated_at) == (new, LATER)
        assert moved.ended_at == (LATER if new in ENDED else None)
    else:
        with pytest.raises(JobStateConflict, match=f"is {old}: it can't become {new}") as caught:
            job.moved(new, at=LATER)
        assert caught.value.hint


def test_every_state_is_in_the_table() -> None:
    assert set(TRANSITIONS) == set(JobState)


def test_a_resumed_run_clears_the_error_of_the_last_one() -> None:
    error = ErrorRecord(code="JOB_FAILED", message="1 of 3 chunks failed")
    failed = a_job().moved(JobState.RUNNING, at=START).moved(JobState.FAILED, at=START, error=error)
    assert failed.error == error
    again = failed.moved(JobState.RUNNING, at=LATER)
    assert (again.error, again.started_at, again.ended_at) == (None, LATER, None)


def test_a_job_survives_json_with_camel_case_names_and_unknown_fields() -> None:
    job = a_job(surprise=[1]).model_copy(update={"chunks": {0: a_chunk(0)}})
    text = job.to_json()
    assert '"chunksTotal":3' in text
    assert '"startedAt":"2026-01-02T03:04:05Z"' in text
    newer = text.replace('{"id"', '{"fromTheFuture":1,"id"', 1)
    again = Job.model_validate_json(newer)
    assert '"fromTheFuture":1' in again.to_json()
    assert Job.model_validate_json(text) == job


def test_a_summary_holds_neither_spec_nor_chunks() -> None:
    text = a_job(chunks=500).summary().to_json()
    assert len(text) < 1000
    assert JobSummary.model_validate_json(text) == a_job(chunks=500).summary()


def test_a_job_counts_only_the_chunks_that_are_wanted() -> None:
    settings = RunSettings(concurrency=1, only=[0, 2])
    job = Job.new(a_spec(4), location=a_job().location, settings=settings, now=START)
    assert (job.chunks_total, job.frames_total) == (2, 20)


def test_a_job_takes_the_id_that_is_given_then_the_specs_then_a_new_one() -> None:
    assert a_job("given", id="spec").id == "given"
    assert a_job(None, id="spec").id == "spec"
    assert a_job(None).id != a_job(None).id


def test_an_id_that_could_leave_its_folder_is_refused() -> None:
    with pytest.raises(OptionInvalid, match="job id"):
        a_job("../up")


def test_new_ids_are_distinct_and_sort_by_time() -> None:
    ids = [new_job_id(START + timedelta(seconds=n)) for n in range(200)]
    assert len(set(ids)) == 200
    assert ids == sorted(ids)
    assert new_job_id(datetime(2026, 11, 25, 9, 30, 12, tzinfo=UTC)).startswith("20261125-093012-")


def test_times_without_a_zone_are_refused() -> None:
    text = a_job().summary().to_json().replace("03:04:05Z", "03:04:05")
    with pytest.raises(ValidationError):
        JobSummary.model_validate_json(text)


def test_the_digest_tells_specs_apart_but_not_their_ids() -> None:
    assert spec_digest(a_spec(id="a")) == spec_digest(a_spec(id="b")) == spec_digest(a_spec())
    assert spec_digest(a_spec(3)) != spec_digest(a_spec(4))


def test_of_what_an_attempt_said_the_end_is_kept() -> None:
    assert log_tail(" \n") is None
    tail = log_tail("x" * 10_000 + "the end\n")
    assert tail is not None
    assert len(tail) <= LOG_TAIL
    assert tail.endswith("the end")


def test_a_record_written_before_the_location_had_its_name_is_read() -> None:
    job = a_job()
    older = job.to_json().replace('"location"', '"placement"')
    assert Job.model_validate_json(older).location == job.location
