import copy
import json
import random
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helios.contract.job_spec import JobMetadata, JobSpec, RenderChunk, json_schema
from helios.contract.spec_json import MAX_FAULTS
from helios.errors import ChunkNotFound, HeliosError, JobSpecInvalid, JobSpecNotFound

SPECS = sorted((Path(__file__).parents[2] / "data" / "job_specs").glob("*.json"))


def a_spec(*, chunks: int = 3, frames: int = 10) -> dict[str, Any]:
    total = chunks * frames
    return {
        "metadata": {
            "totalFrames": total,
            "fps": 30,
            "width": 1920,
            "height": 1080,
            "duration": total / 30,
        },
        "chunks": [
            {
                "id": index,
                "startFrame": index * frames,
                "frameCount": frames,
                "outputFile": f"video_part_{index}.mov",
                "command": f"helios render page.html -o video_part_{index}.mov --fps 30",
            }
            for index in range(chunks)
        ],
        "mergeCommand": "helios merge video.mp4 video_part_0.mov",
    }


def faults_of(value: Any) -> tuple[str, ...]:
    with pytest.raises(JobSpecInvalid) as caught:
        JobSpec.parse(json.dumps(value))
    return caught.value.details


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_spec_of_the_helios_cli_survives_a_round_trip_unchanged(path: Path) -> None:
    original = json.loads(path.read_text())
    text = JobSpec.load(path).to_json()
    assert json.loads(text) == original
    assert JobSpec.parse(text).to_json() == text


def test_whole_numbers_are_written_without_a_decimal_point() -> None:
    assert '"fps": 30,' in JobSpec.parse(json.dumps(a_spec())).to_json()


def test_a_decimal_rate_is_the_exact_one_that_it_stands_for() -> None:
    value = a_spec()
    value["metadata"]["fps"] = 29.97
    assert JobSpec.parse(json.dumps(value)).metadata.frame_rate == Fraction(30000, 1001)


def test_a_byte_order_mark_is_no_fault() -> None:
    JobSpec.parse(b"\xef\xbb\xbf" + json.dumps(a_spec()).encode())


def test_a_spec_built_in_code_is_checked_too() -> None:
    metadata = JobMetadata(total_frames=5, fps=30, width=2, height=2, duration=5 / 30)
    chunk = RenderChunk(id=0, start_frame=0, frame_count=4, output_file="a.mov", command="x")
    with pytest.raises(JobSpecInvalid):
        JobSpec(metadata=metadata, chunks=[chunk], merge_command="")


def test_chunks_may_be_listed_in_any_order() -> None:
    value = a_spec()
    value["chunks"].reverse()
    spec = JobSpec.parse(json.dumps(value))
    assert [chunk.id for chunk in spec.chunks] == [2, 1, 0]
    assert [chunk.id for chunk in spec.chunks_by_frame()] == [0, 1, 2]


def test_a_gap_between_chunks_is_refused_with_its_path() -> None:
    value = a_spec()
    value["chunks"][1]["startFrame"] = 12
    value["chunks"][1]["frameCount"] = 8
    assert faults_of(value) == (
        "$.chunks[1].startFrame: 2 frames missing before it (frame 10 on, where $.chunks[0] ends)",
        "$.metadata.totalFrames: 30, but the chunks hold 28 frames",
    )


def test_an_overlap_of_chunks_is_refused_with_its_path() -> None:
    value = a_spec()
    value["chunks"][2]["startFrame"] = 19
    assert faults_of(value) == (
        "$.chunks[2].startFrame: overlaps $.chunks[1], which ends before frame 20, by 1 frame",
    )


def test_a_chunk_inside_a_longer_one_overlaps_only_that_one() -> None:
    value = a_spec()
    value["chunks"][0]["frameCount"] = 20
    value["chunks"][1]["frameCount"] = 5
    value["metadata"]["totalFrames"] = 35
    value["metadata"]["duration"] = 35 / 30
    (fault,) = faults_of(value)
    assert fault.startswith("$.chunks[1].startFrame: overlaps $.chunks[0]")


def test_chunks_that_share_an_id_are_refused() -> None:
    value = a_spec()
    value["chunks"][2]["id"] = 0
    assert faults_of(value) == ("$.chunks[2].id: 0 is already the id of $.chunks[0]",)


@pytest.mark.parametrize("other", ["video_part_0.mov", "./video_part_0.mov", ".//video_part_0.mov"])
def test_chunks_that_write_one_file_are_refused(other: str) -> None:
    value = a_spec()
    value["chunks"][1]["outputFile"] = other
    (fault,) = faults_of(value)
    assert fault.startswith("$.chunks[1].outputFile: ")


def test_names_that_differ_in_case_are_two_files() -> None:
    value = a_spec()
    value["chunks"][1]["outputFile"] = "VIDEO_part_0.mov"
    JobSpec.parse(json.dumps(value))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "//server/share",
        "../a.mov",
        "a/../../b.mov",
        "a/..",
        "..",
        ".",
        "a/",
        "a/.",
        "..\\a.mov",
        "a\\..\\b.mov",
        "C:a.mov",
        "c:/a.mov",
        "a\0.mov",
        "é" * 101 + ".mov",
        "a/" * 600 + "b.mov",
    ],
)
def test_an_output_outside_the_jobs_folder_or_with_too_long_a_name_is_refused(name: str) -> None:
    value = a_spec()
    value["chunks"][1]["outputFile"] = name
    (fault,) = faults_of(value)
    assert fault.startswith("$.chunks[1].outputFile: ")


@pytest.mark.parametrize(
    "name", ["~/a.mov", "a b.mov", "...", "a..b", ".hidden", "日本/é.mov", "a:b.mov", "10:30.mov"]
)
def test_an_unusual_name_inside_the_jobs_folder_is_fine(name: str) -> None:
    value = a_spec()
    value["chunks"][1]["outputFile"] = name if name != "a:b.mov" else "aa:b.mov"
    JobSpec.parse(json.dumps(value))


@pytest.mark.parametrize(
    "job_id", ["", " ", ".", "..", "a/b", "../a", "a\\b", "C:", "a\0", "é" * 101]
)
def test_a_job_id_that_could_leave_its_folder_is_refused(job_id: str) -> None:
    (fault,) = faults_of({**a_spec(), "id": job_id})
    assert fault.startswith("$.id: ")


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("metadata.totalFrames", "30"),
        ("metadata.totalFrames", True),
        ("metadata.totalFrames", 30.5),
        ("metadata.totalFrames", 0),
        ("metadata.fps", 0),
        ("metadata.fps", "30"),
        ("metadata.fps", float("nan")),
        ("metadata.fps", float("inf")),
        ("metadata.fps", 100_000),
        ("metadata.width", -1),
        ("metadata.height", 0),
        ("metadata.duration", float("-inf")),
        ("metadata.duration", None),
        ("chunks[1].id", -1),
        ("chunks[1].id", "1"),
        ("chunks[1].startFrame", -10),
        ("chunks[1].frameCount", 0),
        ("chunks[1].frameCount", 2**70),
        ("chunks[1].outputFile", 7),
        ("chunks[1].command", ["helios"]),
        ("chunks[1].command", ""),
        ("chunks[1].command", "helios 'render"),
        ("chunks[1].command", "'' a"),
        ("chunks", []),
        ("chunks", {}),
        ("mergeCommand", None),
        ("mergeCommand", 'helios "merge'),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(path: str, wrong: Any) -> None:
    value = a_spec()
    *parents, last = path.replace("[1]", ".1").split(".")
    target: Any = value
    for step in parents:
        target = target[int(step)] if isinstance(target, list) else target[step]
    target[last] = wrong
    assert any(fault.startswith(f"$.{path}: ") for fault in faults_of(value))


def test_a_duration_may_differ_by_a_frame_but_not_by_more() -> None:
    value = a_spec(frames=100)
    value["metadata"]["duration"] = 10.03
    JobSpec.parse(json.dumps(value))
    value["metadata"]["duration"] = 10.2
    (fault,) = faults_of(value)
    assert fault.startswith("$.metadata.duration: ")


def test_numbers_without_end_are_refused_in_unknown_fields_too() -> None:
    value = a_spec()
    value["chunks"][1]["x-meta"] = {"deep": [1, float("nan")]}
    assert faults_of(value) == ('$.chunks[1]["x-meta"].deep[1]: nan is not a finite number',)


def test_snake_case_names_in_json_are_unknown_fields() -> None:
    value = a_spec()
    value["merge_command"] = value.pop("mergeCommand")
    assert any(fault.startswith("$.mergeCommand: ") for fault in faults_of(value))


def test_of_many_faults_the_first_are_listed_and_the_rest_counted() -> None:
    value = a_spec(chunks=100)
    for chunk in value["chunks"]:
        chunk["frameCount"] = "many"
    faults = faults_of(value)
    assert len(faults) == MAX_FAULTS + 1
    assert faults[-1] == "... and 80 more"


def test_an_empty_merge_command_means_no_merge() -> None:
    assert JobSpec.parse(json.dumps({**a_spec(), "mergeCommand": ""})).merge_command == ""


def test_a_chunk_is_found_by_its_id() -> None:
    spec = JobSpec.parse(json.dumps(a_spec()))
    assert spec.chunk(2).start_frame == 20
    with pytest.raises(ChunkNotFound, match="chunk 3"):
        spec.chunk(3)


@pytest.mark.parametrize("name", ["missing.json", "", "a\0b", "x" * 5000])
def test_a_path_without_a_file_says_so(tmp_path: Path, name: str) -> None:
    with pytest.raises(JobSpecNotFound):
        JobSpec.load(tmp_path / name)


def test_a_fault_in_a_file_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    path.write_text("{")
    with pytest.raises(JobSpecInvalid, match=r"job\.json"):
        JobSpec.load(path)


def test_a_file_beyond_the_size_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("job_spec", "spec_json"):
        monkeypatch.setattr(f"helios.contract.{module}.MAX_SPEC_BYTES", 100)
    path = tmp_path / "job.json"
    path.write_text(json.dumps(a_spec()))
    with pytest.raises(JobSpecInvalid, match="larger than"):
        JobSpec.load(path)


@pytest.mark.slow
def test_a_hundred_thousand_chunks_are_checked_in_seconds() -> None:
    value = a_spec(chunks=100_000)
    random.Random(1).shuffle(value["chunks"])
    text = json.dumps(value)
    started = time.process_time()
    assert len(JobSpec.parse(text).chunks) == 100_000
    assert time.process_time() - started < 5


def test_the_json_schema_describes_every_field() -> None:
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    models = [schema, *schema["$defs"].values()]
    fields = {name: field for model in models for name, field in model["properties"].items()}
    assert {"totalFrames", "startFrame", "outputFile", "mergeCommand", "assetsUrl"} <= set(fields)
    assert all(field["description"] for field in fields.values())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


def parse_or_refuse(data: str | bytes) -> None:
    try:
        spec = JobSpec.parse(data)
    except HeliosError:
        return
    assert JobSpec.parse(spec.to_json()) == spec


@given(JSON)
def test_any_json_is_accepted_or_refused_in_our_terms(value: Any) -> None:
    parse_or_refuse(json.dumps(value))


@given(st.binary() | st.text())
def test_any_bytes_are_accepted_or_refused_in_our_terms(data: bytes | str) -> None:
    parse_or_refuse(data)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "1" * 5000, '"\\ud800"', "NaN"])
def test_hostile_json_is_refused_in_our_terms(text: str) -> None:
    with pytest.raises(JobSpecInvalid):
        JobSpec.parse(text)


def test_deep_or_huge_values_in_unknown_fields_are_refused_or_kept() -> None:
    for extra in ("[" * 150 + "]" * 150, "1" * 5000, "1e400", "-1" + "0" * 4200):
        parse_or_refuse(json.dumps(a_spec())[:-1] + f', "extra": {extra}}}')


@settings(max_examples=300)
@given(st.data())
def test_a_mutated_spec_is_accepted_or_refused_in_our_terms(data: st.DataObject) -> None:
    value = copy.deepcopy(a_spec())
    for _ in range(data.draw(st.integers(1, 3))):
        target: Any = value
        while True:
            keys = list(target) if isinstance(target, dict) else list(range(len(target)))
            if not keys:
                break
            key = data.draw(st.sampled_from(keys))
            if isinstance(target[key], dict | list) and data.draw(st.booleans()):
                target = target[key]
                continue
            if data.draw(st.booleans()):
                target[key] = data.draw(JSON | st.sampled_from([0, 1, -1, 5e-324, 1e308, 2**53]))
            else:
                del target[key]
            break
    parse_or_refuse(json.dumps(value))
