"""`orchestrator render`: renders a composition to a video."""

from typing import TYPE_CHECKING

from orchestrator.cli.command_line import command
from orchestrator.cli.options import flags
from orchestrator.cli.options.flag_groups import keywords_of
from orchestrator.cli.options.render_options import (
    Cut,
    Encoding,
    Files,
    Incremental,
    Picture,
    Seams,
    Sound,
    Timing,
)
from orchestrator.cli.options.run_options import Chunks, Limits, Reports
from orchestrator.cli.options.target_options import TargetOptions

if TYPE_CHECKING:
    from orchestrator.display.display import Display


@command
async def render(
    source: flags.Source,
    output: flags.Output,
    timing: Timing,
    picture: Picture,
    sound: Sound,
    encoding: Encoding,
    cut: Cut,
    seams: Seams,
    incremental: Incremental,
    chunks: Chunks,
    limits: Limits,
    where: TargetOptions,
    files: Files,
    reports: Reports,
    display: "Display",
    report: flags.Report = None,
    web: flags.Web = False,
    web_port: flags.WebPort = 0,
    open_it: flags.Open = False,
    notify: flags.Notify = False,
    detach: flags.Detach = False,
    request_id: flags.RequestId = None,
) -> None:
    """Plan, render and stitch: from a composition to a video."""
    from helios.errors import OptionInvalid
    from orchestrator.api.rendering.attached import RenderRequest, run_request
    from orchestrator.api.rendering.submission import submit_detached, submit_here
    from orchestrator.api.targets.target import Local
    from orchestrator.cli.job_text import tell_submitted
    from orchestrator.cli.live_page import page_of_render
    from orchestrator.cli.notification import notifying
    from orchestrator.cli.opening import check_openable, open_result
    from orchestrator.cli.report_file import reporting

    picked = keywords_of(timing, picture, sound, encoding, cut, seams, incremental)
    keywords = picked | keywords_of(chunks, limits, files, reports)
    if open_it:
        check_openable(output, presign=keywords["presign"], detach=detach)
    if request_id is not None and not detach:
        raise OptionInvalid("`request_id`: goes with `submit`")
    if not detach:
        wanted = RenderRequest.of(source, output, where.targets(), keywords)
        store = wanted.settings.store
        with notifying(notify, output):
            async with (
                reporting(report, store, display),
                page_of_render(web, store, display, port=web_port),
            ):
                await run_request(wanted, display)
        if open_it:
            open_result(str(display.completed.get("link", output)), display)
        return
    if notify:
        raise OptionInvalid(
            "--notify: goes without --detach", hint="`orchestrator watch ID --notify` tells it."
        )
    if web:
        raise OptionInvalid(
            "--web: goes without --detach", hint="`orchestrator watch ID --web` shows it."
        )
    if report is not None:
        raise OptionInvalid(
            "--report: goes without --detach", hint="`orchestrator report ID` writes it later."
        )
    request = RenderRequest.of(source, output, Local(), keywords)
    if where.is_local:
        job_id = await submit_here(request, display)
        display.answer("started", job_id, id=job_id, state="running", new=True)
        return
    submitted, _ = await submit_detached(
        request,
        where.deployment_name(),
        request_id=request_id,
        target_settings=where.worker_settings(),
        display=display,
    )
    tell_submitted(display, submitted)
