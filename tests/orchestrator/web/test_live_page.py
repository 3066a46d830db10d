"""The live page, in a browser, of renders that really run."""

import re
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.web_page import web_page

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SMALL = ("--width", 160, "--height", 90, "--fps", 30, "--no-audio")
LONG = ' data-duration="4"'
ADDRESS = re.compile(r"http://\S+")
#: The finished part can be played: the segments' first frame is there.
PLAYS = "document.querySelector('video')?.readyState >= 2"
NO_PLAYLISTS = "HTMLMediaElement.prototype.canPlayType = () => ''"


def address_of(command: Any) -> str:
    """Return the address that a command prints once its page can be opened."""
    for line in command.process.stderr:
        found = ADDRESS.search(line)
        if found is not None:
            return found[0]
    raise AssertionError("the command has ended")


def status_of(url: str, *, method: str = "GET", host: str = "") -> int:
    headers = {"Host": host} if host else {}
    request = urllib.request.Request(url, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as fault:
        return fault.code


async def test_a_render_is_followed_and_cancelled(bench: Any) -> None:
    # So long that it isn't over before it is cancelled.
    bench.page(declared=' data-duration="30"')
    flags = ("--chunks", 60, "--concurrency", 1, "--web", *SMALL)
    command = bench.start("render", "page.html", "-o", "v.mp4", *flags)
    url = address_of(command)
    async with web_page() as browser:
        await browser.open(url)
        await browser.until("document.querySelector('#state')?.innerText === 'running'")
        # Frames, chunks and pictures come as they are made.
        await browser.until("document.querySelectorAll('.mark[data-state=done]').length >= 2")
        await browser.until(
            "[...document.querySelectorAll('.film div')].some(d => d.style.backgroundImage)"
        )
        await browser.click('[data-row="0"]')
        assert "done" in await browser.text("#details")
        await browser.press("Escape")
        await browser.click("[data-control=cancel]")
        await browser.until("document.querySelector('#state').innerText === 'cancelled'")
        assert browser.errors == []
    assert command.end().status == 130


@pytest.mark.long
async def test_a_job_that_was_stopped_is_resumed_on_the_page_of_another_command(
    bench: Any,
) -> None:
    bench.page(declared=LONG)
    started = bench.start("render", "page.html", "-o", "v.mp4", "--chunks", 8, *SMALL)
    started.wait_until(lambda: any(bench.folder.glob("v.mp4.job/chunks/*.mp4")))
    started.process.send_signal(signal.SIGINT)
    assert started.end().status == 130
    (job,) = [path.name for path in bench.jobs.iterdir() if not path.name.startswith(".")]
    watch = bench.start("watch", job, "--web")
    async with web_page() as browser:
        await browser.open(address_of(watch))
        await browser.until("document.querySelector('#state')?.innerText === 'paused'")
        await browser.click("[data-control=resume]")
        await browser.until("document.querySelector('#state').innerText === 'completed'")
        await browser.until(PLAYS)
        assert browser.errors == []
    watch.process.send_signal(signal.SIGINT)
    assert watch.end().status == 130


@pytest.mark.long
async def test_the_finished_part_of_a_playlist_is_played_while_the_rest_is_rendered(
    bench: Any, tmp_path: Path
) -> None:
    bench.page(declared=LONG)
    flags = ("--chunks", 8, "--concurrency", 1, "--web", *SMALL)
    command = bench.start("render", "page.html", "-o", "v.m3u8", *flags)
    async with web_page() as browser:
        url = address_of(command)
        await browser.open(url)
        await browser.until(PLAYS)
        assert await browser.text("#state") == "running"
        assert await browser.axe_violations(tmp_path) == []
        # A browser that plays no playlists is given their segments.
        await browser.call("Page.addScriptToEvaluateOnNewDocument", source=NO_PLAYLISTS)
        await browser.open(url)
        await browser.until(PLAYS)
        assert (await browser.value("document.querySelector('video').src")).startswith("blob:")
        assert browser.errors == []
    assert command.end().status == 0


def test_a_page_without_its_token_is_refused(bench: Any) -> None:
    command = bench.start("render", "page.html", "-o", "v.mp4", "--web", *SMALL)
    url = address_of(command)
    plain, _, token = url.partition("?")
    assert plain.startswith("http://127.0.0.1:")
    assert status_of(url) == 200
    assert status_of(plain) == 403
    assert status_of(f"{plain}?token={'x' * 22}") == 403
    assert status_of(f"{plain}events") == 403
    assert status_of(f"{plain}cancel", method="POST") == 403
    # A name of another site that leads to this machine.
    assert status_of(url, host="attacker.example") == 403
    # Only the video, and what its playlist names.
    for name in ("page.html", "../page.html", "%2e%2e/page.html", "v.mp4.job/job.json"):
        assert status_of(f"{plain}video/{token.removeprefix('token=')}/{name}") in (403, 404)
    assert command.end().status == 0


def test_a_port_that_is_taken_is_named(bench: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        flags = ("--web", "--web-port", port, "--json", *SMALL)
        done = bench.run("render", "page.html", "-o", "v.mp4", *flags)
    assert done.status == 2
    assert done.documents[-1]["code"] == "PORT_IN_USE"
    assert f"port {port}" in done.documents[-1]["message"]
    assert not Path(bench.folder, "v.mp4").exists()


def test_a_page_of_a_render_that_goes_on_elsewhere_is_opened_by_watch(bench: Any) -> None:
    done = bench.run("render", "page.html", "-o", "v.mp4", "--web", "--detach", "--json", *SMALL)
    assert (done.status, done.documents[-1]["code"]) == (2, "OPTION_INVALID")
    assert "watch ID --web" in done.documents[-1]["hint"]
