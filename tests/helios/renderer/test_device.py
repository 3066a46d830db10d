"""Pages find an ordinary device, although the browser is told to draw as on a small one."""

import os

import pytest

from .conftest import Studio

pytestmark = pytest.mark.browser


def read(studio: Studio, expression: str) -> object:
    (studio.root / "device.html").write_text("<!doctype html><body></body>")

    async def work() -> object:
        async with studio.page("device.html") as page:
            await page.visit(1)
            return await page._session.evaluate(expression)

    return studio.run(work())


def test_a_page_is_told_the_memory_of_an_ordinary_device(studio: Studio) -> None:
    assert read(studio, "navigator.deviceMemory") == 8


def test_a_worker_is_told_the_same(studio: Studio) -> None:
    (studio.root / "device.js").write_text("postMessage(navigator.deviceMemory)")
    worker = "new Promise(done => new Worker('device.js').onmessage = e => done(e.data))"

    assert read(studio, worker) == 8


def test_scripts_have_a_quarter_of_the_machines_memory(studio: Studio) -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

    limit = read(studio, "performance.memory.jsHeapSizeLimit")

    assert isinstance(limit, int)
    assert limit > 0.8 * min(memory / 4, 4 << 30)
