"""What is checked of a batch before its first row is rendered."""

import asyncio
import html
import json
import os
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from helios.errors import HeliosError, OptionInvalid, ProgramMissing, RowsInvalid
from helios.renderer import evaluation
from orchestrator.api.batches.output_names import OutputNames
from orchestrator.api.batches.plan import BatchPlan, plan_batch
from orchestrator.api.batches.row_plan import BatchRequest
from orchestrator.api.batches.rows import Rows
from orchestrator.api.targets.target import Lambda, Local

DECLARED = [
    {"id": "title", "type": "string"},
    {"id": "count", "type": "number", "default": 3},
    {"id": "loud", "type": "boolean", "default": False},
    {"id": "tone", "type": "enum", "options": ["warm", {"value": "cold"}], "default": "warm"},
]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text('<html data-duration="1"><body>')
    return folder


@pytest.fixture
def declaring_page(tmp_path: Path) -> Path:
    path = tmp_path / "declaring.html"
    path.write_text(
        '<html><body><div data-composition-id="main" data-width="640" data-height="360"'
        f' data-composition-variables="{html.escape(json.dumps(DECLARED))}"></div>'
    )
    return path


def planned(page: Path, rows: Rows, output: str | None = None, **keywords: Any) -> BatchPlan:
    output = output or str(page.parent / "out" / "{id}.mp4")
    targets = (keywords.pop("target", Local()),)
    request = BatchRequest(
        source=str(page), rows=rows, output=output, targets=targets, keywords=keywords
    )
    return asyncio.run(plan_batch(request))


def faults(page: Path, rows: Rows, output: str | None = None, **keywords: Any) -> list[str]:
    with pytest.raises(RowsInvalid) as caught:
        planned(page, rows, output, **keywords)
    return list(caught.value.details)


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_columns_are_settings_props_and_parts_of_the_output(page: Path, tmp_path: Path) -> None:
    rows = written(
        tmp_path,
        "people.csv",
        "\ufeffid,name,width,fps,duration,seed,tags:json,props,props.width,_note\r\n"
        'a,"Zoë, ""x""",320,25,1.5,,"[1, 2]","{""mood"": ""glad""}",wide,private\r\n'
        "\r\n"
        'b,"two\nlines",,,,7,,,,\r\n',
    )
    plan = planned(page, rows, props={"brand": "B"}, size=(640, 360))
    first, second = plan.rows
    assert (first.number, first.line, second.line) == (1, 2, 4)
    assert first.output.endswith("out/a.mp4")
    assert first.options.props == {
        "brand": "B", "mood": "glad", "id": "a", "name": 'Zoë, "x"', "tags": [1, 2],
        "width": "wide",
    }  # fmt: skip
    assert (first.options.width, first.options.height) == (320, 360)
    assert first.options.rate == 25
    assert first.settings.duration == 1.5
    assert (second.options.width, second.options.seed) == (640, 7)
    assert second.options.props["name"] == "two\nlines"
    assert plan.folder == tmp_path / "out" / ".batch"


def test_rows_of_json_lines_keep_their_types(page: Path, tmp_path: Path) -> None:
    lines = ['{"id": 1, "deep": {"a": [null, true]}}', "", '{"id": "two", "width": 320}']
    rows = written(tmp_path, "people.jsonl", "\n".join(lines))
    plan = planned(page, rows)
    assert [row.options.props for row in plan.rows] == [
        {"id": 1, "deep": {"a": [None, True]}},
        {"id": "two"},
    ]
    assert [row.line for row in plan.rows] == [1, 3]


def test_every_malformed_row_is_named_with_its_line(page: Path, tmp_path: Path) -> None:
    rows = written(
        tmp_path, "a.csv", "id,n:json,fps\n1,2,30\n2,{,30\n3,1\n4,1,30,5\n5,1,zero\n1,1,30\n"
    )
    found = faults(page, rows)
    assert found[0].startswith("line 3: n:json: isn't JSON")
    assert found[1:] == [
        "line 4: has 2 cells, and the header 3",
        "line 5: has 4 cells, and the header 3",
    ]
    rows = written(tmp_path, "deep.csv", f"id,n:json\n1,{'[' * 9999}\n")
    assert faults(page, rows) == ["line 2: n:json: isn't JSON (it is nested more than 200 deep)"]
    rows = written(tmp_path, "b.csv", "id,fps,width\n1,zero,64\n2,30,-4\n1,30,64\n")
    found = faults(page, rows)
    assert [line.partition(":")[0] for line in found] == ["line 2", "line 3"]
    assert "zero" in found[0]
    rows = written(tmp_path, "c.jsonl", '{"id": 1}\n{"id": 2\n[3]\n{"id": NaN}\n')
    assert [line.partition(":")[0] for line in faults(page, rows)] == ["line 2", "line 3", "line 4"]


def test_two_rows_with_one_output_are_refused(page: Path) -> None:
    [found] = faults(page, [{"id": 1}, {"id": 2}, {"id": 1}])
    assert found.startswith("line 3: output ")
    assert found.endswith("out/1.mp4 is that of line 1, too")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "has no rows"),
        (b"id\n", "has no rows"),
        (b"id,id\n1,2\n", "line 1: column 'id' is there twice"),
        (b"id,\n1,2\n", "line 1: a column has no name"),
        (b"id\n1\n\xff\n", "line 3: isn't UTF-8"),
        (b'id\n"1\n', "line 2: isn't CSV"),
        (b"name\n1\n", "there is no column 'id', which the output is named by"),
    ],
)
def test_files_without_rows_that_can_be_read_are_refused(
    page: Path, tmp_path: Path, text: bytes, message: str
) -> None:
    found = faults(page, written(tmp_path, "rows.csv", text))
    assert found[0].startswith(message)


@pytest.mark.parametrize(
    ("name", "fault", "message"),
    [
        ("rows.xlsx", OptionInvalid, "is no .csv, .jsonl or .parquet file"),
        ("none.csv", OptionInvalid, "can't be read"),
    ],
)
def test_other_files_are_refused(
    page: Path, tmp_path: Path, name: str, fault: type[HeliosError], message: str
) -> None:
    (tmp_path / "rows.xlsx").write_text("id\n")
    with pytest.raises(fault, match=message):
        planned(page, tmp_path / name)


def test_parquet_needs_its_package(page: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.parquet"
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        with pytest.raises(ProgramMissing, match="pyarrow isn't installed") as caught:
            planned(page, rows)
        assert "helios-serverless[parquet]" in caught.value.hint
        return
    table = pyarrow.Table.from_pylist([{"id": 1, "name": "Ada"}, {"id": 2, "name": "Bob"}])
    pyarrow.parquet.write_table(table, rows)
    assert [row.options.props["name"] for row in planned(page, rows).rows] == ["Ada", "Bob"]


@pytest.mark.parametrize(
    "value", ["../up", "a/../../up", "/etc/x", "a//b", "./x", "..", "", " ", None, ["x"], ".hidden"]
)
def test_an_output_stays_in_its_folder(page: Path, value: object) -> None:
    [found] = faults(page, [{"id": value}])
    assert found.startswith("line 1: ")


def test_an_output_that_leaves_its_folder_by_a_link_is_refused(page: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "linked").symlink_to(tmp_path / "elsewhere")
    [found] = faults(page, [{"id": "linked/x"}])
    assert "by a link" in found


@pytest.mark.parametrize(
    ("template", "value", "output"),
    [
        ("out/{id}/{n}.mp4", {"id": "a/b", "n": 7}, "out/a/b/7.mp4"),
        ("{id}.webm", {"id": "x"}, "x.webm"),
        ("../out/v-{id}.mp4", {"id": "x"}, "../out/v-x.mp4"),
        ("s3://bucket/a/{id}.mp4", {"id": "x"}, "s3://bucket/a/x.mp4"),
        ("a{{b}}/{id}.mp4", {"id": "x"}, "a{b}/x.mp4"),
    ],
)
def test_outputs_are_named_by_columns(template: str, value: Mapping[str, Any], output: str) -> None:
    assert OutputNames(template).of(value) == output


@pytest.mark.parametrize(
    "template",
    [
        "out/{}.mp4",
        "out/{id!r}.mp4",
        "out/{id:>9}.mp4",
        "out/{a.b}.mp4",
        "out/{id",
        "s3://{id}/v.mp4",
    ],
)
def test_templates_that_name_no_columns_are_refused(template: str) -> None:
    with pytest.raises(OptionInvalid, match="output"):
        OutputNames(template)


def test_an_output_in_storage_stays_below_its_prefix(page: Path) -> None:
    [found] = faults(page, [{"id": "../../other"}], "s3://bucket/mine/{id}.mp4")
    assert "leaves its folder s3://bucket/mine" in found


def test_props_are_checked_against_declared_variables(declaring_page: Path, tmp_path: Path) -> None:
    rows = written(tmp_path, "rows.csv", "_id,title,count,loud,tone\n1,A,7,true,cold\n2,B,,,\n")
    template = str(tmp_path / "out" / "{_id}.mp4")
    plan = planned(declaring_page, rows, template)
    assert [row.options.props for row in plan.rows] == [
        {"title": "A", "count": 7, "loud": True, "tone": "cold"},
        {"title": "B"},
    ]
    assert plan.rows[0].options.width == 640

    wrong = written(
        tmp_path,
        "wrong.csv",
        "_id,title,count,loud,tone\n1,A,x,true,cold\n2,B,1,perhaps,\n3,C,1,,blue\n",
    )
    assert faults(declaring_page, wrong, template) == [
        "line 2: count: 'x' is no number",
        "line 3: loud: 'perhaps' is no boolean",
        "line 4: tone: 'blue' is no one of warm, cold",
    ]
    deep = written(tmp_path, "deep.csv", f"_id,title,count\n1,A,{'[' * 9999}\n")
    assert faults(declaring_page, deep, template)[0].endswith("is no number")
    large = faults(declaring_page, [{"_id": 1, "title": "A", "count": 10**400}], template)
    assert large[0].endswith("is no number")
    assert faults(declaring_page, [{"_id": 1, "titel": "A"}], template) == [
        "column 'titel': the page declares no such variable"
    ]
    assert faults(declaring_page, [{"_id": 1}], template) == [
        "line 1: title: is missing, and the page declares no default for it"
    ]


def test_a_page_that_is_loaded_for_its_size_ends_with_the_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = "<script>window.siteVersion = '11'; window.remotion_version = '4'</script>"
    page = written(tmp_path, "index.html", bundle)
    loading = threading.Event()
    ended: list[str] = []

    @asynccontextmanager
    async def session(*_: object) -> AsyncIterator[None]:
        loading.set()
        try:
            await asyncio.sleep(0.5)
            ended.append("loaded")
            yield
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    monkeypatch.setattr(evaluation, "open_render_session", session)
    request = BatchRequest(
        source=str(page), rows=[{"id": 1}], output="{id}.mp4", targets=(Local(),), keywords={}
    )

    async def work() -> None:
        planning = asyncio.ensure_future(plan_batch(request))
        assert await asyncio.to_thread(loading.wait, 5)
        planning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await planning

    asyncio.run(work())
    assert ended == ["cancelled"]


def test_identical_rows_are_rendered_once(page: Path) -> None:
    rows = [{"_id": 1, "name": "A"}, {"_id": 2, "name": "B"}, {"_id": 3, "name": "A"}]
    plan = planned(page, rows, str(page.parent / "out" / "{_id}.mp4"))
    assert [row.same_as for row in plan.rows] == [None, None, 1]


@pytest.mark.parametrize("output", ["{_id}.m3u8", "{_id}", "{_id}/%04d.png"])
def test_identical_rows_of_several_files_each_are_all_rendered(page: Path, output: str) -> None:
    rows = [{"_id": 1, "name": "A"}, {"_id": 2, "name": "A"}]
    plan = planned(page, rows, str(page.parent / "out" / output))
    assert [row.same_as for row in plan.rows] == [None, None]


def test_a_length_that_cannot_be_is_a_fault_of_its_row(page: Path) -> None:
    rows = [{"id": 1, "frames": 0}, {"id": 2, "duration": -1}, {"id": 3, "frames": 1}]
    rows.append({"id": 4, "frames": 1, "duration": 1})
    assert [line.partition(":")[0] for line in faults(page, rows)] == ["line 1", "line 2", "line 4"]


def test_a_folder_that_videos_share_is_resolved_once(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved: list[Any] = []
    real = os.path.realpath

    def counted(path: Any) -> str:
        resolved.append(path)
        return str(real(path))

    monkeypatch.setattr(os.path, "realpath", counted)
    names = OutputNames(str(page.parent / "out" / "{id}.mp4"))
    for number in range(100):
        names.of({"id": number})
    assert len(resolved) <= 2


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"max_cost": 2.0}, "`max_cost`: goes with"),
        ({"concurrency": 0}, "concurrency"),
        ({"incremental": True, "resume": True}, "`incremental`"),
        (
            {"incremental": True, "target": Lambda(function="f", artifacts="s3://b")},
            "`incremental`",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    page: Path, keywords: dict[str, Any], message: str
) -> None:
    with pytest.raises((OptionInvalid, RowsInvalid)) as caught:
        planned(page, [{"id": 1}], **keywords)
    assert message in str(caught.value)


def test_many_faults_are_counted_and_the_first_are_named(page: Path) -> None:
    found = faults(page, [{"id": f"../{n}"} for n in range(50)])
    assert len(found) == 21
    assert found[-1] == "and 30 more"
