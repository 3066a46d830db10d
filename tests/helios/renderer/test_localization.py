"""A page is shown in the time zone and the language that are asked for, on every machine."""

import json
from typing import Any

import pytest

from helios.errors import OptionInvalid
from helios.renderer.browser.chromium import open_browser
from helios.renderer.composition import Composition
from helios.renderer.page import PageOptions, open_page

from .conftest import HEIGHT, RATE, WIDTH, Log, Studio

pytestmark = pytest.mark.browser

DEFAULT = [
    "Mon Jan 01 2024 00:00:00 GMT+0000 (Coordinated Universal Time)",
    1_704_110_400_000,
    "1/1/2024, 12:00:00 AM",
    "UTC",
    "1/1/2024",
    "1,234.5",
    "en-US",
    "en-US",
]
IN_TOKYO_IN_GERMAN = [
    "Mon Jan 01 2024 09:00:00 GMT+0900 (Japanische Normalzeit)",
    1_704_078_000_000,
    "1.1.2024, 09:00:00",
    "Asia/Tokyo",
    "1.1.2024",
    "1.234,5",
    "de-DE",
    "de-DE",
]


def said(log: Log) -> dict[str, list[Any]]:
    """Return what each script of the page says of time zone and language."""
    return {who: json.loads(rest) for who, rest in (text.split(" ", 1) for _, _, text in log)}


def test_a_page_is_shown_in_universal_time_and_english_by_default(studio: Studio) -> None:
    log: Log = []
    studio.shoot("localized", range(4), log=log)
    assert said(log) == {"page": DEFAULT, "worker": DEFAULT}


def test_the_time_zone_and_the_language_of_the_machine_do_not_matter(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("LANGUAGE", "de")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    log: Log = []

    async def load() -> None:
        options = PageOptions(width=WIDTH, height=HEIGHT, rate=RATE)
        page = Composition(f"file://{studio.root}/localized/index.html", root=None)
        async with (
            open_browser() as browser,
            open_page(browser, options, lambda *entry: log.append(entry)) as shown,
        ):
            await shown.load(page)

    studio.run(load())
    assert said(log) == {"page": DEFAULT, "worker": DEFAULT}


def test_a_page_is_shown_in_the_time_zone_and_language_that_are_asked_for(studio: Studio) -> None:
    log: Log = []
    studio.shoot("localized", range(4), log=log, time_zone="Asia/Tokyo", locale="de-DE")
    assert said(log) == {"page": IN_TOKYO_IN_GERMAN, "worker": IN_TOKYO_IN_GERMAN}


@pytest.mark.parametrize(
    "options", [{"time_zone": "Mars/Base"}, {"locale": "xx"}, {"locale": "no_such"}]
)
def test_what_the_browser_does_not_know_is_refused(studio: Studio, options: dict[str, Any]) -> None:
    with pytest.raises(OptionInvalid, match=next(iter(options.values()))):
        studio.shoot("props", [0], **options)
