"""Refuses settings of a render that exclude each other, before any work."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from helios.errors import OptionInvalid
from orchestrator.api.rendering.settings import RenderSettings
from orchestrator.api.targets.target import Target, are_remote
from orchestrator.backends.detached.batch_record import check_render_id
from orchestrator.delivery.destination import Destination
from orchestrator.model.job_id import check_job_id
from orchestrator.planning.output_kinds import is_playlist, is_whole

#: Settings that only apply to a render which this machine runs.
_ATTACHED = (
    "stitch",
    "presign",
    "retries",
    "retry_delay",
    "chunk_timeout",
    "deadline",
    "backups",
    "merge",
    "only_chunks",
    "resume",
    "webhook_progress",
)


def check_attached(
    settings: RenderSettings, targets: Sequence[Target], destination: Destination | None
) -> None:
    """Refuse settings that don't fit a render which this machine runs."""
    remote = are_remote(targets)
    if settings.stitch != "auto" and not remote:
        raise OptionInvalid("`stitch`: goes with `Lambda` or `CloudRun`")
    if settings.backups and not remote:
        raise OptionInvalid(
            "`backups`: goes with `Lambda` or `CloudRun`",
            hint="Here a second process would only take the first one's cores.",
        )
    if settings.max_cost is not None and not remote:
        raise OptionInvalid("`max_cost`: goes with `Lambda` or `CloudRun`")
    if settings.presign is not None:
        _check_link(settings, destination)
    # Invalid values are refused now, before any work.
    settings.run_settings(1)


def check_incremental(
    settings: RenderSettings, source: str, targets: Sequence[Target], destination: Destination
) -> None:
    """Refuse settings and outputs that don't fit an incremental render, if it is one."""
    if not settings.incremental:
        return
    if are_remote(targets):
        raise OptionInvalid(
            "`incremental`: doesn't go with `target`",
            hint="Chunks are only compared and kept on the machine that renders them.",
        )
    if settings.resume:
        raise OptionInvalid(
            "`incremental`: doesn't go with `resume`",
            hint="It keeps what that would keep, where nothing has changed since.",
        )
    if urlsplit(source).scheme in ("http", "https"):
        raise OptionInvalid(
            f"`incremental`: what has changed at {source} can't be found out",
            hint="Render the page from a folder of this machine.",
        )
    if is_whole(destination.name, settings.codec):
        raise OptionInvalid(
            f"`incremental`: output {destination} is rendered as one chunk",
            hint="Render a video: .mp4, .mov, .mkv, .webm.",
        )


def check_format(settings: RenderSettings, destination: Destination) -> None:
    """Refuse a format that doesn't fit the output's name."""
    if settings.format is not None and not is_playlist(destination.name):
        raise OptionInvalid(
            f"`format` {settings.format}: output {destination.name!r} is no playlist",
            hint="Name it with .m3u8.",
        )


def check_detached(
    settings: RenderSettings,
    destination: Destination | None,
    request_id: str | None,
    target_settings: Sequence[str],
) -> None:
    """Refuse settings that don't apply to a detached render.

    `target_settings` are the names of settings that choose workers.
    """
    if request_id is not None:
        check_render_id(check_job_id(request_id, detached=True))
    if settings.incremental:
        raise OptionInvalid(
            "`incremental`: doesn't go with `submit`",
            hint="Chunks are only compared and kept on the machine that renders them.",
        )
    given = [*target_settings, *(name for name in _ATTACHED if settings.given(name))]
    if given:
        raise OptionInvalid(
            f"`{given[0]}`: doesn't go with `submit`",
            hint="What was deployed decides where and how a detached render runs.",
        )
    if destination is not None and is_playlist(destination.name):
        raise OptionInvalid(
            f"`output` {destination}: a playlist grows on this machine only",
            hint="Render to a .mp4 file, and in this process.",
        )
    if destination is not None and destination.url is not None:
        raise OptionInvalid(
            f"`output` {destination}: a detached render leaves its video in its own folder",
            hint="Give a name such as video.mp4; `orchestrator fetch ID -o URL` copies it.",
        )


def _check_link(settings: RenderSettings, destination: Destination | None) -> None:
    if destination is None or destination.url is None or settings.leaves_chunks:
        raise OptionInvalid(
            "`presign`: there is no video in storage to link to",
            hint="Let the video stay there: s3://bucket/video.mp4, or gs://, as output.",
        )
