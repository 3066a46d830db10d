"""What can't be rendered incrementally, refused before any work."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.cli.options.detach_options import DetachOptions
    from orchestrator.cli.options.flag_groups import Picture, Running
    from orchestrator.cli.options.target_options import TargetOptions
    from orchestrator.delivery.destination import Destination


def check_incremental(
    source: str,
    destination: "Destination",
    *,
    picture: "Picture",
    running: "Running",
    where: "TargetOptions",
    detaching: "DetachOptions",
) -> None:
    """Refuse flags that don't go with `--incremental`.

    Raises
    ------
    OptionInvalid
    """
    from urllib.parse import urlsplit

    from helios.errors import OptionInvalid
    from orchestrator.planning.planner import is_whole

    if where.is_remote or detaching.detach:
        flag = "--detach" if detaching.detach else "--adapter"
        raise OptionInvalid(
            f"--incremental: doesn't go with {flag}",
            hint="Chunks are only compared and kept on the machine that renders them.",
        )
    if running.resume:
        raise OptionInvalid(
            "--incremental: doesn't go with --resume",
            hint="It keeps what --resume would keep, where nothing has changed since.",
        )
    if urlsplit(source).scheme in ("http", "https"):
        raise OptionInvalid(
            f"--incremental: nobody can tell what has changed at {source}",
            hint="Render the page from a folder of this machine.",
        )
    if is_whole(destination.name, picture.codec):
        raise OptionInvalid(
            f"--incremental: output {destination} is rendered as one chunk",
            hint="Render a video: .mp4, .mov, .mkv, .webm.",
        )
