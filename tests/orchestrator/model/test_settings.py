"""How a job runs: one model, of flags, of code and of stored jobs."""

import json

import pytest

from helios.errors import OptionInvalid
from orchestrator.model.settings import MAX_RETRY_DELAY, RunSettings, Stitch


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"concurrency": 0}, "concurrency"),
        ({"retries": -1}, "retries"),
        ({"retry_delay": -0.5}, "retry_delay"),
        ({"max_retry_delay": -1}, "max_retry_delay"),
        ({"chunk_timeout": 0}, "chunk_timeout"),
        ({"stitch": "somewhere"}, "stitch"),
        ({"deadline": 0}, "deadline"),
        ({"webhook": {"url": "https://example.com", "progress": 0}}, "webhook.progress"),
    ],
)
def test_a_value_that_cant_be_worked_with_is_refused_by_the_settings_name(
    values: dict[str, object], name: str
) -> None:
    with pytest.raises(OptionInvalid, match=f"^{name} "):
        RunSettings.of(**{"concurrency": 1, **values})
    with pytest.raises(OptionInvalid, match=f"^{name} "):
        RunSettings(concurrency=1).changed(values)


def test_settings_of_an_older_version_are_read() -> None:
    stored = (
        '{"concurrency":3,"merge":true,"retries":2,"retryDelay":1.0,"only":[4,2],'
        '"stitch":"worker","incremental":false,"shade":"blue"}'
    )
    settings = RunSettings.model_validate_json(stored)
    assert (settings.concurrency, settings.stitch) == (3, Stitch.WORKER)
    assert (settings.only, settings.makes_video) == ([4, 2], False)
    assert settings.max_retry_delay == MAX_RETRY_DELAY
    # What a newer version wrote stays.
    assert json.loads(settings.to_json())["shade"] == "blue"


def test_changed_settings_keep_what_isnt_changed() -> None:
    settings = RunSettings(concurrency=3, retries=7, only=[1])
    assert settings.changed({"concurrency": 5}) == RunSettings(concurrency=5, retries=7, only=[1])
