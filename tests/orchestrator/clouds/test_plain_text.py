"""Answers that aren't from the service that was asked."""

import pytest
from google.api_core.exceptions import from_http_status

from helios.errors import WorkerNotFound
from orchestrator.clouds.google_faults import google_faults
from orchestrator.clouds.plain_text import MAX_QUOTED, plain_text, without_markup

PAGE = """<!DOCTYPE html><html><head><title>Error 404 (Not Found)!!1</title>
<style>*{margin:0}</style></head><body><p>That&#39;s an error.<script>x()</script></body></html>
"""


def test_a_page_is_quoted_by_its_text() -> None:
    assert plain_text(PAGE) == "Error 404 (Not Found)!!1 That's an error."
    assert len(plain_text("<p>" + "word " * 1000)) <= MAX_QUOTED


def test_a_message_that_is_no_page_stays_as_it_is() -> None:
    text = "a < b,\n<unknown> & more"
    assert without_markup(text) == text


def test_googles_front_end_is_quoted_without_markup() -> None:
    with pytest.raises(WorkerNotFound) as raised, google_faults("quota x"):
        raise from_http_status(404, f"GET https://example.com: {PAGE}")
    assert "<" not in raised.value.message
    assert "That's an error." in raised.value.message
