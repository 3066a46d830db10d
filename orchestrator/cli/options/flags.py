"""Arguments and flags that commands of `orchestrator` share."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.model.render_fields import SETTINGS

#: Groups of flags in `--help`.
PICTURE = "Picture"
TIMING = "Timing"
SOUND = "Sound"
ENCODING = "Encoding"
CHUNKS = "Chunks"
WHERE = "Where"
LIMITS = "Limits"
OUTPUT = "Output"

Source = Annotated[
    str, typer.Argument(metavar="INPUT", help="An HTML file, a folder with index.html, or a URL.")
]
SpecPath = Annotated[Path, typer.Argument(metavar="JOB.JSON", help="A job spec.")]
Output = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        help="The video: a file, or an s3:// or gs:// URL.",
        rich_help_panel=OUTPUT,
    ),
]
Open = Annotated[
    bool,
    typer.Option("--open", help="Open the result afterwards.", rich_help_panel=OUTPUT),
]
Notify = Annotated[
    bool,
    typer.Option(
        "--notify",
        help="Ring the terminal's bell and notify the desktop at the end, after 10 s or more.",
        rich_help_panel=OUTPUT,
    ),
]
Concurrency = Annotated[
    int | None,
    typer.Option(
        help=SETTINGS["concurrency"].help,
        show_default=SETTINGS["concurrency"].default,
        rich_help_panel=CHUNKS,
    ),
]
Stack = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Stack on AWS, by its name.",
        show_default="HELIOS_STACK, or a profile",
        rich_help_panel=WHERE,
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Profile that `orchestrator connect` wrote.",
        show_default="HELIOS_PROFILE, default",
        rich_help_panel=WHERE,
    ),
]
Region = Annotated[
    str | None,
    typer.Option(
        help="Region of the cloud.", show_default="as the environment says", rich_help_panel=WHERE
    ),
]
Detach = Annotated[
    bool,
    typer.Option(
        "--detach",
        help="Start the render in the cloud, print its id, and return.",
        rich_help_panel=WHERE,
    ),
]
RequestId = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="Id of a detached render; an id that exists isn't rendered again.",
        show_default="a new one",
        rich_help_panel=WHERE,
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Also write a report, .html or .json, of a render that fails too.",
        show_default="none",
        rich_help_panel=OUTPUT,
    ),
]
Web = Annotated[
    bool,
    typer.Option(
        "--web",
        help="Serve a live page of the render on this machine, and print its address.",
        rich_help_panel=OUTPUT,
    ),
]
WebPort = Annotated[
    int,
    typer.Option(
        min=0,
        max=65535,
        help="Port of the live page.",
        show_default="a free one",
        rich_help_panel=OUTPUT,
    ),
]
Jobs = Annotated[
    str | None,
    typer.Option(
        metavar=SETTINGS["job_store"].metavar,
        help=SETTINGS["job_store"].help,
        show_default=SETTINGS["job_store"].default,
        rich_help_panel=OUTPUT,
    ),
]
JobId = Annotated[
    str, typer.Argument(metavar="ID", help="A job's id, as `render` and `list` print it.")
]
Json = Annotated[
    bool,
    typer.Option("--json", help="One JSON document per event, on stdout.", rich_help_panel=OUTPUT),
]
