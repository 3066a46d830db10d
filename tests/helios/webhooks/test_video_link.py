"""Links to videos in events."""

from datetime import UTC, datetime

import pytest

from helios.webhooks.events import WebhookEvent
from helios.webhooks.video_link import with_link


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e300, -5])
async def test_a_validity_that_cannot_be_is_told_in_place_of_the_link(seconds: float) -> None:
    event = WebhookEvent(
        id="evt_1",
        type="job.completed",
        at=datetime.now(UTC),
        job_id="film",
        chunks_done=1,
        chunks_total=1,
        frames_done=1,
        frames_total=1,
        output="s3://films/jobs/film/output/film.mp4",
    )

    told = await with_link(event, seconds)

    assert told.link is None
    assert told.link_expires_at is None
    assert told.link_error is not None
    assert "can't last" in told.link_error
