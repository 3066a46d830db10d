"""Opens results with the program that this machine has for them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.display.display import Display


def open_result(where: str, display: "Display") -> None:
    """Open a file or a URL, as a double click would; a note says if there is no program for it."""
    import typer

    if typer.launch(where) != 0:
        display.note(
            "unopened", f"{where}: this machine has no program that opens it", location=where
        )


def check_openable(output: str, *, presign: float | None, detach: bool = False) -> None:
    """Refuse to open what isn't a file of this machine, or a link to one in storage.

    Raises:
        OptionInvalid
    """
    from helios.errors import OptionInvalid

    if detach:
        raise OptionInvalid(
            "--open: doesn't go with `submit`", hint="`orchestrator fetch ID` brings the video."
        )
    if "://" in output and presign is None:
        raise OptionInvalid(
            f"--open: output {output} isn't on this machine",
            hint="Add `presign` for a link that can be opened.",
        )
