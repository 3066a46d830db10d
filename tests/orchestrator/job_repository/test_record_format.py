import json

import pytest

from helios.errors import JobRecordInvalid, JobRecordNewer
from orchestrator.job_repository.record_format import (
    Document,
    decode_chunks,
    decode_summary,
    encode_chunks,
    encode_summary,
)
from orchestrator.model.job_chunk import ChunkState

from .jobs import a_chunk, a_job


def test_a_summary_carries_the_version_of_its_format() -> None:
    data = encode_summary(a_job().summary())
    assert json.loads(data)["version"] == 1
    assert decode_summary(data, source="here") == a_job().summary()


def test_an_older_version_is_migrated_step_by_step() -> None:
    data = encode_summary(a_job().summary()).replace(b'"name":""', b'"title":"Promo"')

    def rename(document: Document) -> Document:
        return {**document, "label": document.pop("title")}

    def rename_again(document: Document) -> Document:
        return {**document, "name": document.pop("label").upper()}

    migrations = {1: rename, 2: rename_again}
    summary = decode_summary(data, source="here", migrations=migrations, version=3)
    assert summary.name == "PROMO"


def test_entries_of_a_chunk_log_are_migrated_one_by_one() -> None:
    old = encode_chunks([a_chunk(0)]).replace(b'"state":"done"', b'"state":"DONE"')
    new = encode_chunks([a_chunk(1)]).replace(b'"version":1', b'"version":2')

    def lower(document: Document) -> Document:
        return {**document, "state": document["state"].lower()}

    found, damaged = decode_chunks([old, new], source="here", migrations={1: lower}, version=2)
    assert found == {0: a_chunk(0), 1: a_chunk(1)}
    assert not damaged


def test_what_a_newer_version_wrote_is_not_called_damaged() -> None:
    data = encode_summary(a_job().summary()).replace(b'"version":1', b'"version":99')
    with pytest.raises(JobRecordNewer, match="here: has version 99"):
        decode_summary(data, source="here")
    line = encode_chunks([a_chunk(0)]).replace(b'"version":1', b'"version":99')
    with pytest.raises(JobRecordNewer):
        decode_chunks([line], source="here")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"version":"1"}',
        b'{"version":true}',
        b'{"version":0}',
        b'{"version":1}',
        b"\xff\xfe",
        b"\0" * 500,
    ],
)
def test_a_damaged_summary_is_told_with_where_it_is(data: bytes) -> None:
    with pytest.raises(JobRecordInvalid, match="here: damaged"):
        decode_summary(data, source="here")


def test_a_summary_with_a_wrong_field_is_told_with_its_path() -> None:
    data = encode_summary(a_job().summary()).replace(b'"pending"', b'"flying"')
    with pytest.raises(JobRecordInvalid) as caught:
        decode_summary(data, source="here")
    assert caught.value.details[0].startswith("$.state: ")


def test_damaged_entries_of_a_chunk_log_cost_only_themselves() -> None:
    good = [a_chunk(0, ChunkState.RUNNING), a_chunk(0), a_chunk(1)]
    lines = encode_chunks(good).split(b"\n")
    data = b"\n".join([lines[0], b"\0\0", lines[1], b'{"version":1,"id":-4}', b"", lines[2][:-9]])
    assert decode_chunks([data], source="here") == ({0: a_chunk(0)}, 3)
