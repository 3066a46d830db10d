"""Batches by the command line and the API, on this machine and on Lambda's stand-in."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from helios.media.probe import probe
from orchestrator import RowState, render_batch, render_batch_async
from tests.orchestrator.cloud_sites import Clouds
from tests.orchestrator.conftest import Bench, Ended

#: Its colour is a prop; "boom" throws, and a prop may say how long it is.
PAGE = """<!doctype html><html data-duration="0.4"><meta charset="utf-8"><style>
body { margin: 0; background: #204060 }
div { width: 20px; height: 20px; background: #fc0; animation: go 2s linear infinite }
@keyframes go { to { transform: translate(140px, 70px) } }
</style><div></div><script>
const props = window.__HELIOS_PROPS__;
if (props.color === "boom") throw new Error("no such colour");
if (props.seconds) document.documentElement.dataset.duration = props.seconds;
document.body.style.background = props.color;
</script></html>"""
SMALL = ["--width", "64", "--height", "64", "--concurrency", "2"]


@pytest.fixture
def page(bench: Bench) -> Bench:
    (bench.folder / "page").mkdir()
    (bench.folder / "page" / "index.html").write_text(PAGE)
    return bench


def rows_of(bench: Bench, *rows: dict[str, Any]) -> None:
    (bench.folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))


def batch(bench: Bench, *flags: str) -> Ended:
    return bench.run(*words(*flags))


def words(*flags: str) -> list[str]:
    return ["batch", "page", "--rows", "rows.jsonl", "-o", "out/{_id}.mp4", *SMALL, *flags]


def states(ended: Ended) -> dict[int, str]:
    return {each["row"]: each["state"] for each in ended.documents if each["event"] == "row"}


def frames(path: Path) -> int:
    video = asyncio.run(probe(path)).video
    assert video is not None
    return video.frames


@pytest.mark.browser
@pytest.mark.slow
def test_rows_become_videos_and_one_that_fails_does_not_stop_the_others(page: Bench) -> None:
    rows_of(
        page,
        {"_id": "a", "color": "red", "frames": 9},
        {"_id": "b", "color": "boom"},
        {"_id": "c", "color": "red", "frames": 9},
        {"_id": "d", "color": "blue", "width": 96, "frames": 6},
    )
    ended = batch(page, "--json")
    assert states(ended) == {1: "rendered", 2: "failed", 3: "copied", 4: "rendered"}, ended.stderr
    assert ended.status == 2
    error = ended.documents[-1]
    assert error["code"] == "BATCH_FAILED"
    assert error["message"] == "1 of 4 rows failed"
    assert error["details"][0].startswith("row 2 (line 2): [")
    assert "no such colour" in error["details"][0]
    summary = next(each for each in ended.documents if each["event"] == "batch")
    assert (summary["rendered"], summary["copied"], summary["failed"]) == (2, 1, 1)
    assert page.names("out") == [".batch", "a.mp4", "c.mp4", "d.mp4"]
    assert frames(page.folder / "out/a.mp4") == 9
    assert frames(page.folder / "out/d.mp4") == 6
    assert (page.folder / "out/a.mp4").read_bytes() == (page.folder / "out/c.mp4").read_bytes()
    (listed,) = page.run("list", "--json").documents
    assert (listed["state"], listed["rows"], listed["done"], listed["failed"]) == (
        "failed",
        4,
        3,
        1,
    )
    assert listed["name"] == "page"
    assert "3/4 rows, 1 failed" in page.run("list").stdout
    assert "rows      3/4 rows, 1 failed" in page.run("status", listed["id"]).stdout
    cancelled = page.run("cancel", listed["id"])
    assert "is run by the command that began it" in cancelled.stderr
    assert page.run("delete", "--ended-for", "0").stderr.endswith(f"{listed['id']}: deleted\n")
    assert page.run("list").stdout == "no jobs\n"

    rows_of(page, {"_id": "a", "color": "red", "frames": 9}, {"_id": "b", "color": "green"})
    mended = batch(page, "--resume")
    assert mended.status == 0, mended.stderr
    assert "row 1: out/a.mp4: unchanged" in mended.stderr
    assert "rendered         1        12" in mended.stdout
    assert frames(page.folder / "out/b.mp4") == 12


@pytest.mark.browser
@pytest.mark.long
def test_a_killed_batch_goes_on_and_renders_no_finished_row_again(page: Bench) -> None:
    rows_of(page, *({"_id": n, "color": f"rgb({n},0,0)"} for n in range(6)))
    first = page.start(*words())
    outputs = [page.folder / "out" / f"{n}.mp4" for n in range(6)]
    ledger = page.folder / "out/.batch/rows.jsonl"
    first.wait_until(lambda: ledger.exists() and ledger.read_text().count('"done": true') >= 2)
    first.signal(signal.SIGKILL)
    first.end()
    first.wait_for_orphans()
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    done = {line["output"] for line in lines if line["done"]}
    assert 2 <= len(done) < 6
    times = {name: (page.folder / name).stat().st_mtime_ns for name in done}

    second = batch(page, "--resume", "--json")
    assert second.status == 0, second.stderr
    assert {n for n, state in states(second).items() if state == "unchanged"} == {
        int(Path(name).stem) + 1 for name in done
    }
    assert times == {name: (page.folder / name).stat().st_mtime_ns for name in done}
    assert [frames(path) for path in outputs] == [12] * 6
    assert page.names("out/.batch") == ["rows.jsonl"]


@pytest.mark.browser
@pytest.mark.long
def test_rows_are_rendered_again_when_values_or_files_change(page: Bench) -> None:
    rows_of(page, {"_id": 1, "color": "red"}, {"_id": 2, "color": "blue"})
    assert batch(page).status == 0
    rows_of(page, {"_id": 1, "color": "red"}, {"_id": 2, "color": "green"})
    again = batch(page, "--incremental", "--json")
    assert states(again) == {1: "unchanged", 2: "rendered"}, again.stderr
    (page.folder / "page" / "index.html").write_text(PAGE.replace("#fc0", "#0cf"))
    assert states(batch(page, "--incremental", "--json")) == {1: "rendered", 2: "rendered"}


@pytest.mark.browser
@pytest.mark.long
def test_a_page_whose_length_depends_on_its_props_is_loaded_for_each_row(page: Bench) -> None:
    rows_of(page, *({"_id": n, "color": "red", "seconds": n / 5} for n in (1, 2, 33)))
    ended = batch(page, "--json", "--fps", "5", "--duration", "0.4")
    assert {each["frames"] for each in ended.documents if each["event"] == "row"} == {2}
    rows_of(page, {"_id": 1, "seconds": 0.2}, {"_id": 2, "seconds": 0.6, "color": "red"})
    told: list[str] = []
    results = list(
        render_batch(
            page.folder / "page",
            page.folder / "rows.jsonl",
            page.folder / "own" / "{_id}.mp4",
            size=(64, 64),
            fps=5,
            on_event=lambda event: told.append(getattr(event, "kind", "")),
        )
    )
    assert sorted((result.row, result.state, result.frames) for result in results) == [
        (1, RowState.RENDERED, 1),
        (2, RowState.RENDERED, 3),
    ]
    assert "probing_rows" in told


@pytest.mark.browser
@pytest.mark.long
def test_a_batch_that_is_left_early_ends_what_runs_and_goes_on_later(page: Bench) -> None:
    rows = [{"_id": n, "color": f"rgb(0,{n},0)"} for n in range(4)]
    output = page.folder / "out" / "{_id}.mp4"
    settings: dict[str, Any] = {"size": (64, 64), "concurrency": 1}

    async def first() -> int:
        results = render_batch_async(page.folder / "page", rows, output, **settings)
        async for result in results:
            await results.aclose()
            return result.row
        raise AssertionError

    assert asyncio.run(first()) == 1
    rest = list(render_batch(page.folder / "page", rows, output, resume=True, **settings))
    assert rest[0].state is RowState.UNCHANGED
    assert [result.state for result in rest].count(RowState.RENDERED) == 3


@pytest.mark.slow
def test_faults_of_rows_are_told_before_anything_is_rendered(page: Bench) -> None:
    rows_of(page, {"_id": 1, "fps": "x"}, {"_id": "../../up"}, {"_id": 1})
    ended = batch(page)
    assert ended.status == 2
    assert ended.stderr.startswith("error[ROWS_INVALID]: rows.jsonl: 2 faults")
    assert "  - line 1: fps: 'x' is not a frame rate" in ended.stderr
    assert "  - line 2: output 'out/../../up.mp4' leaves its folder out" in ended.stderr
    assert page.names("out") == []
    rows_of(page, {"_id": 1})
    for flags, fault in (
        ("--adapter local", "a batch on this machine runs as long as its command"),
        ("-o s3://b/{_id}.mp4", "detached rows leave their videos in their own folders"),
    ):
        detached = batch(page, "--detach", *flags.split())
        assert detached.status == 2
        assert fault in detached.stderr


@pytest.mark.long
@pytest.mark.xdist_group("clouds")
def test_a_batch_on_lambda_is_stopped_and_goes_on(page: Bench, clouds: Clouds) -> None:
    env = clouds.env
    rows = [{"_id": n, "color": f"rgb(0,0,{n})"} for n in range(5)]
    rows_of(page, *rows, {"_id": 9, "color": "rgb(0,0,0)"})
    flags = ["--adapter", "lambda", "--retries", "3"]
    before = clouds.rendered()["lambda"]
    first = page.start(*words(*flags), env=env)
    ledger = page.folder / "out/.batch/rows.jsonl"
    first.wait_until(lambda: ledger.exists() and '"done": true' in ledger.read_text())
    first.signal(signal.SIGINT)
    stopped = first.end()
    assert stopped.status == 130, stopped.stderr
    assert "with --resume" in stopped.stderr

    second = page.run(*words(*flags, "--resume", "--json"), env=env)
    assert second.status == 0, second.stderr
    found = states(second)
    assert set(found.values()) <= {"unchanged", "rendered", "copied"}
    assert "unchanged" in found.values()
    assert page.names("out") == [".batch", *(f"{n}.mp4" for n in (0, 1, 2, 3, 4, 9))]
    assert frames(page.folder / "out/9.mp4") == 12
    # One chunk for each of five different rows, and maybe those that were stopped in the middle.
    assert 5 <= clouds.rendered()["lambda"] - before <= 7


@pytest.mark.long
@pytest.mark.xdist_group("clouds")
def test_a_batch_on_cloud_run_stops_at_its_cost_limit_and_goes_on_with_a_higher_one(
    page: Bench, clouds: Clouds
) -> None:
    rows_of(page, *({"_id": n, "color": f"rgb(0,0,{n})"} for n in range(3)))
    flags = ["--adapter", "cloudrun", "--concurrency", "1", "--json"]
    stopped = page.run(*words(*flags, "--max-cost", "0.00002"), env=clouds.env)
    assert stopped.status == 3
    assert stopped.documents[-1]["code"] == "COST_LIMIT"
    assert "--max-cost" in stopped.documents[-1]["hint"]
    # The first chunk shows what one costs.
    assert states(stopped) == {1: "rendered"}

    done = page.run(*words(*flags, "--max-cost", "1", "--resume"), env=clouds.env)
    assert done.status == 0, done.stderr
    assert states(done) == {1: "unchanged", 2: "rendered", 3: "rendered"}
