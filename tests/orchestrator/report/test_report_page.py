"""Reports as people see them: opened from disk in a browser."""

import json
from pathlib import Path

import pytest

from helios.records.chunk_trace import FrameSpan
from orchestrator.report.report import AttemptReport, ChunkReport, Report, VideoFacts
from tests.orchestrator.conftest import Bench
from tests.orchestrator.web.reports import a_report
from tests.web_page import web_page

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("reports")]

SMALL = ("--width", 160, "--height", 90, "--fps", 30, "--no-audio")
#: A page that asks for a file that doesn't exist, at frame 8 of 12.
BREAKS = """<script>
console.warn("password: hunter2hunter2");
setTimeout(() => { new Image().src = "gone.png" }, 8 / 30 * 1000)
</script>"""


def rendered(bench: Bench, *, status: int = 0) -> Bench:
    """Render in three chunks with a report."""
    flags = ("--chunks", 3, "--retry-delay", 0, "--report", "report.html", *SMALL)
    done = bench.run("render", "page.html", "-o", "v.mp4", *flags)
    assert done.status == status, done.stderr
    return bench


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Return a folder with the report of a render."""
    return rendered(Bench(tmp_path_factory.mktemp("finished")))


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Return a folder with the report of a render that failed."""
    bench = Bench(tmp_path_factory.mktemp("failed"))
    bench.page(more=BREAKS)
    return rendered(bench, status=2)


async def test_a_report_opens_from_disk_and_makes_no_requests(finished: Bench) -> None:
    async with web_page() as browser:
        url = (finished.folder / "report.html").as_uri()
        await browser.open(url)
        assert await browser.text("#state") == "completed"
        assert await browser.text("#name") == "page.html"
        assert [each for each in browser.requests if not each.startswith("data:")] == [url]
        assert browser.errors == []
        headings = await browser.value("[...document.querySelectorAll('h2')].map(h => h.innerText)")
        assert {"Timeline", "Workers", "Chunks", "Seams", "Job", "Settings"} <= set(headings)
        assert "2 of 2 can't be seen" in await browser.text("section:has(.pairs)")
        pictures = (
            "[...document.querySelectorAll('.film div')].filter(d => d.style.backgroundImage)"
        )
        assert await browser.value(f"{pictures}.length") > 0
        # As many as the spans of a very long video.
        assert await browser.value("largest(new Array(300000).fill(2), 1)") == 2
        # The bars of the waterfall.
        await browser.until(
            "[...document.querySelector('.plot canvas').getContext('2d')"
            ".getImageData(0, 24, 900, 18).data].some((value, at) => at % 4 === 1 && value > 100)"
        )


async def test_a_chunk_is_looked_at_by_mouse_and_by_keys(finished: Bench) -> None:
    async with web_page() as browser:
        await browser.open((finished.folder / "report.html").as_uri())
        await browser.click('[data-row="1"]')
        assert "Chunk 1" in await browser.text("#details")
        assert "1 attempt" in await browser.text("#details")
        assert "per frame" in await browser.text("#details")
        await browser.press("Escape")
        assert await browser.value("document.querySelector('#details').hidden")
        assert await browser.value("document.activeElement.dataset.row") == "1"
        await browser.value("document.querySelector('.plot').focus()")
        await browser.press("ArrowRight", "ArrowRight")
        assert "Chunk 1" in await browser.text("#spoken")
        await browser.press("Enter")
        assert "Chunk 1" in await browser.text("#details h2")
        await browser.press("Escape")
        await browser.value("document.querySelector('.track').focus()")
        await browser.press("ArrowRight")
        told = "document.querySelector('.track').getAttribute('aria-valuetext')"
        assert (await browser.value(told)).startswith("Frame 1, 0:00.03, chunk 0, done")
        await browser.click("#theme")
        assert await browser.value("document.documentElement.dataset.theme") == "dark"
        assert browser.errors == []


async def test_a_render_that_fails_shows_why_with_pictures_and_without_secrets(
    failed: Bench,
) -> None:
    async with web_page() as browser:
        report = failed.folder / "report.html"
        await browser.open(report.as_uri())
        assert await browser.text("#state") == "failed"
        fault = await browser.text(".fault")
        assert "ASSET_MISSING" in fault
        assert "gone.png" in fault
        assert await browser.value("document.querySelectorAll('.fault img').length") > 0
        await browser.click(".fault button")
        details = await browser.text("#details")
        assert "ASSET_MISSING" in details
        assert "hunter2hunter2" not in report.read_text("utf-8")
        assert "[redacted]" in report.read_text("utf-8")
        assert browser.errors == []


def test_a_program_reads_the_report_as_json(finished: Bench) -> None:
    bench = finished
    (job,) = [path.name for path in bench.jobs.iterdir() if not path.name.startswith(".")]
    done = bench.run("report", job, "--format", "json", "-o", "report.json")
    assert done.status == 0, done.stderr
    report = json.loads((bench.folder / "report.json").read_text("utf-8"))
    assert (report["id"], report["state"], report["framesDone"]) == (job, "completed", 12)
    assert [chunk["frames"] for chunk in report["chunks"]] == [4, 4, 4]
    assert all(chunk["attempts"][0]["seconds"] > 0 for chunk in report["chunks"])
    assert sum(span["frames"] for span in report["chunks"][1]["spans"]) == 4
    assert report["seams"]["proven"] == 2
    assert report["merge"]["seconds"] > 0
    assert report["versions"]["browser"]
    assert bench.run("report", job, "--format", "pdf").status == 2
    assert bench.run("report", "none").status != 0


def of_many_chunks(count: int) -> Report:
    """Return the report of a job with attempts at many chunks by a hundred workers."""
    chunks = [
        ChunkReport(
            id=n,
            start_frame=30 * n,
            frames=30,
            state="done",
            attempts=[AttemptReport(number=1, start=n / 50, seconds=2, worker=f"worker {n % 100}")],
            spans=[FrameSpan(start=30 * n, frames=30, raster=0.5, script=0.2)],
        )
        for n in range(count)
    ]
    frames = 30 * count
    video = VideoFacts(frames=frames, fps=30, width=1920, height=1080, duration=count)
    made = a_report(chunks=0, state="completed", video=video, frames_done=frames)
    return made.model_copy(update={"chunks": chunks})


@pytest.mark.long
async def test_ten_thousand_chunks_are_scrolled_without_a_late_frame(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(of_many_chunks(10_000).html(), "utf-8")
    async with web_page() as browser:
        # The processor's time of the page alone, whatever else this machine does.
        await browser.call("Performance.enable", timeDomain="threadTicks")
        await browser.open(page.as_uri())

        async def measured(name: str) -> float:
            found = (await browser.call("Performance.getMetrics"))["metrics"]
            return float(next(each["value"] for each in found if each["name"] == name))

        steps = 60
        await browser.screenshot(tmp_path / "drawn.png", whole=False)
        for scrolled in (".body", ".plot"):
            before = await measured("TaskDuration")
            await browser.value(
                f"(async () => {{ const area = document.querySelector('{scrolled}');"
                f" for (let step = 0; step < {steps}; step++) {{ area.scrollTop += 900;"
                " await new Promise(requestAnimationFrame); } return area.scrollTop > 0 })()"
            )
            assert (await measured("TaskDuration") - before) / steps < 1 / 60
        await browser.call("HeapProfiler.collectGarbage")
        assert await measured("JSHeapUsedSize") < 50e6
        assert browser.errors == []


@pytest.mark.long
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_labels_and_contrast_are_those_that_everyone_can_read(
    failed: Bench, theme: str, tmp_path: Path
) -> None:
    async with web_page() as browser:
        report = failed.folder / "report.html"
        for width in (1280, 390):
            await browser.theme(theme)
            await browser.open(report.as_uri(), width=width)
            await browser.click('[data-row="2"]')
            assert await browser.axe_violations(tmp_path) == []
            assert await browser.value("document.documentElement.scrollWidth") <= width
