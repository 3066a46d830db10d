"""Arguments and flags that commands of `orchestrator` share."""

from pathlib import Path
from typing import Annotated

import typer

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
Format = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT",
        help="hls: a playlist (.m3u8) that grows while chunks are rendered.",
        show_default="by file name",
        rich_help_panel=OUTPUT,
    ),
]
Duration = Annotated[
    float | None,
    typer.Option(help="Seconds.", show_default="what the page declares", rich_help_panel=TIMING),
]
Frames = Annotated[
    int | None, typer.Option(help="Frames, in place of --duration.", rich_help_panel=TIMING)
]
Fps = Annotated[
    str, typer.Option(help="Frames per second: 30, 29.97, 30000/1001.", rich_help_panel=TIMING)
]
Width = Annotated[
    int, typer.Option(help="Width of the page in CSS pixels.", rich_help_panel=PICTURE)
]
Height = Annotated[
    int, typer.Option(help="Height of the page in CSS pixels.", rich_help_panel=PICTURE)
]
Chunks = Annotated[
    int | None,
    typer.Option(
        help="Number of chunks.", show_default="by length and concurrency", rich_help_panel=CHUNKS
    ),
]
FramesPerChunk = Annotated[
    int | None, typer.Option(help="Frames per chunk, instead.", rich_help_panel=CHUNKS)
]
Concurrency = Annotated[
    int | None,
    typer.Option(
        help="Chunks at the same time.",
        show_default="by cores and memory; elsewhere 100",
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
        help="Id of a detached render: the same one twice is one render.",
        show_default="a new one",
        rich_help_panel=WHERE,
    ),
]
Adapter = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME[=SHARE]",
        help="Where chunks run: local, lambda, cloudrun; repeatable, as lambda=3.",
        show_default="local",
        rich_help_panel=WHERE,
    ),
]
Function = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Lambda function: name or ARN.",
        show_default="HELIOS_LAMBDA_FUNCTION",
        rich_help_panel=WHERE,
    ),
]
MergeFunction = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Lambda function that joins chunks.",
        show_default="HELIOS_LAMBDA_MERGE_FUNCTION, else the one that renders",
        rich_help_panel=WHERE,
    ),
]
Region = Annotated[
    str | None,
    typer.Option(
        help="Region of the cloud.", show_default="as the environment says", rich_help_panel=WHERE
    ),
]
ServiceUrl = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Cloud Run service.",
        show_default="HELIOS_CLOUDRUN_URL",
        rich_help_panel=WHERE,
    ),
]
Impersonate = Annotated[
    str | None,
    typer.Option(
        metavar="EMAIL", help="Service account to call the service as.", rich_help_panel=WHERE
    ),
]
Artifacts = Annotated[
    list[str] | None,
    typer.Option(
        metavar="URL",
        help="Storage of workers and this machine: s3://bucket/prefix, gs://...; repeatable.",
        show_default="HELIOS_S3_ARTIFACTS, HELIOS_GCS_ARTIFACTS",
        rich_help_panel=WHERE,
    ),
]
Stitch = Annotated[
    str,
    typer.Option(
        metavar="WHERE",
        help="What joins remote chunks: local, worker, server (the storage itself), auto.",
        rich_help_panel=CHUNKS,
    ),
]
Presign = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="Print a link to the video in storage, valid for so long.",
        rich_help_panel=OUTPUT,
    ),
]
Retries = Annotated[
    int, typer.Option(help="Further tries of a chunk that failed.", rich_help_panel=CHUNKS)
]
RetryDelay = Annotated[
    float,
    typer.Option(
        help="Seconds before the first further try, at most; then doubled.", rich_help_panel=CHUNKS
    ),
]
ChunkTimeout = Annotated[
    float | None,
    typer.Option(
        help="Seconds that a try may take.", show_default="no limit", rich_help_panel=CHUNKS
    ),
]
Backups = Annotated[
    bool | None,
    typer.Option(
        "--backups/--no-backups",
        help="Give a chunk that takes much longer than the others to a second worker, too.",
        show_default="for chunks elsewhere",
        rich_help_panel=CHUNKS,
    ),
]
MaxCost = Annotated[
    float | None,
    typer.Option(
        metavar="USD",
        help="US dollars that the job may cost, by list prices.",
        show_default="no limit",
        rich_help_panel=LIMITS,
    ),
]
Deadline = Annotated[
    str | None,
    typer.Option(
        metavar="DURATION",
        help="How long rendering and joining may take: 90s, 30m, 1h30m.",
        show_default="no limit",
        rich_help_panel=LIMITS,
    ),
]
NoMerge = Annotated[
    bool, typer.Option("--no-merge", help="Leave the chunks as they are.", rich_help_panel=CHUNKS)
]
OnlyChunks = Annotated[
    list[int] | None,
    typer.Option(
        "--chunk", metavar="ID", help="Only this chunk; repeatable.", rich_help_panel=CHUNKS
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Keep the chunks that are there already and are whole.",
        rich_help_panel=CHUNKS,
    ),
]
SeamCheck = Annotated[
    str,
    typer.Option(
        metavar="off|warn|heal",
        help="If two chunks draw one frame differently: heal renders with --replay again.",
        rich_help_panel=CHUNKS,
    ),
]
Incremental = Annotated[
    bool,
    typer.Option(
        "--incremental",
        help="Keep the chunks of the last such render that would be the same.",
        rich_help_panel=CHUNKS,
    ),
]
Props = Annotated[
    str,
    typer.Option(
        help="JSON object or @file.json: window.__HELIOS_PROPS__.", rich_help_panel=PICTURE
    ),
]
Crf = Annotated[
    int | None,
    typer.Option(
        help="Constant rate factor.", show_default="18 for h264", rich_help_panel=ENCODING
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(help="Encoder speed.", show_default="veryfast for h264", rich_help_panel=ENCODING),
]
CodecName = Annotated[
    str | None,
    typer.Option(
        "--codec",
        help="h264, h265, vp9, av1, prores, gif, png, jpeg.",
        show_default="by file name",
        rich_help_panel=ENCODING,
    ),
]
JpegQuality = Annotated[
    int | None, typer.Option(min=1, max=100, help="Of captured frames.", rich_help_panel=ENCODING)
]
Scale = Annotated[float, typer.Option(help="Output pixels per CSS pixel.", rich_help_panel=PICTURE)]
Transparent = Annotated[
    bool, typer.Option("--transparent", help="Keep transparency.", rich_help_panel=PICTURE)
]
Seed = Annotated[int, typer.Option(help="What Math.random starts from.", rich_help_panel=PICTURE)]
TimeZone = Annotated[
    str,
    typer.Option(
        "--timezone", help="Time zone of the page: Europe/Paris.", rich_help_panel=PICTURE
    ),
]
Locale = Annotated[
    str, typer.Option(help="Language tag of the page: en-US, de.", rich_help_panel=PICTURE)
]
Replay = Annotated[
    bool | None,
    typer.Option(
        "--replay/--no-replay",
        help="Run every frame from 0 on first, for pages that build on their own last frame.",
        show_default="what the page declares",
        rich_help_panel=PICTURE,
    ),
]
Reference = Annotated[
    bool,
    typer.Option(
        "--reference",
        help="Draw and photograph every frame, losslessly, in one chunk. Slow: to compare with.",
        rich_help_panel=PICTURE,
    ),
]
NoAudio = Annotated[
    bool, typer.Option("--no-audio", help="Leave the sound out.", rich_help_panel=SOUND)
]
AllowMissing = Annotated[
    bool,
    typer.Option(
        "--allow-missing",
        help="Go on when a file of the page isn't there.",
        rich_help_panel=PICTURE,
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(help="Seconds for the page to load, and for each frame.", rich_help_panel=PICTURE),
]
JobDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder for the spec and the chunks.",
        show_default="OUTPUT.job, beside it",
        rich_help_panel=OUTPUT,
    ),
]
Keep = Annotated[
    bool,
    typer.Option("--keep", help="Keep the job's folder after success.", rich_help_panel=OUTPUT),
]
Webhook = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Tell this URL how the job ended; signed with HELIOS_WEBHOOK_SECRET.",
        show_default="none",
        rich_help_panel=OUTPUT,
    ),
]
WebhookProgress = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="Tell it of progress, too, so often at most.",
        rich_help_panel=OUTPUT,
    ),
]
Jobs = Annotated[
    str | None,
    typer.Option(
        metavar="WHERE",
        help="Where jobs are kept: a folder, s3://bucket/prefix, gs://..., or none.",
        show_default="HELIOS_JOBS, else ~/.local/state/helios/jobs",
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
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show what workers say.", rich_help_panel=OUTPUT)
]

OtherConcurrency = Annotated[
    int | None, typer.Option(help="Chunks at the same time.", show_default="as before")
]
OtherRetries = Annotated[
    int | None,
    typer.Option(help="Further tries of a chunk that failed.", show_default="as before"),
]
OtherChunkTimeout = Annotated[
    float | None, typer.Option(help="Seconds that a try may take.", show_default="as before")
]
OtherMaxCost = Annotated[
    float | None,
    typer.Option(metavar="USD", help="US dollars that the job may cost.", show_default="as before"),
]
OtherDeadline = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="How long this run may take.", show_default="as before"),
]
