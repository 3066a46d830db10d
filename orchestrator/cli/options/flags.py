"""Arguments and flags that commands of `orchestrator` share."""

from pathlib import Path
from typing import Annotated

import typer

Source = Annotated[
    str, typer.Argument(metavar="INPUT", help="An HTML file, a folder with index.html, or a URL.")
]
SpecPath = Annotated[Path, typer.Argument(metavar="JOB.JSON", help="A job spec.")]
Output = Annotated[
    str, typer.Option("--output", "-o", help="The video: a file, or an s3:// or gs:// URL.")
]
Format = Annotated[
    str | None,
    typer.Option(
        metavar="FORMAT",
        help="hls: a playlist (.m3u8) that grows while chunks are rendered.",
        show_default="by file name",
    ),
]
Duration = Annotated[
    float | None, typer.Option(help="Seconds.", show_default="what the page declares")
]
Frames = Annotated[int | None, typer.Option(help="Frames, in place of --duration.")]
Fps = Annotated[str, typer.Option(help="Frames per second: 30, 29.97, 30000/1001.")]
Width = Annotated[int, typer.Option(help="Width of the page in CSS pixels.")]
Height = Annotated[int, typer.Option(help="Height of the page in CSS pixels.")]
Chunks = Annotated[
    int | None, typer.Option(help="Number of chunks.", show_default="by length and concurrency")
]
FramesPerChunk = Annotated[int | None, typer.Option(help="Frames per chunk, instead.")]
Concurrency = Annotated[
    int | None,
    typer.Option(
        help="Chunks at the same time.", show_default="by cores and memory; elsewhere 100"
    ),
]
Stack = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Stack on AWS, by its name.", show_default="HELIOS_STACK, or a profile"
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Profile that `orchestrator connect` wrote.",
        show_default="HELIOS_PROFILE, default",
    ),
]
Detach = Annotated[
    bool,
    typer.Option("--detach", help="Start the render in the cloud, print its id, and return."),
]
RequestId = Annotated[
    str | None,
    typer.Option(
        metavar="ID",
        help="Id of a detached render: the same one twice is one render.",
        show_default="a new one",
    ),
]
RenderId = Annotated[
    str, typer.Argument(metavar="ID", help="A detached render, as `render --detach` printed it.")
]
Adapter = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME[=SHARE]",
        help="Where chunks run: local, lambda, cloudrun; repeatable, as lambda=3.",
        show_default="local",
    ),
]
Function = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Lambda function: name or ARN.",
        show_default="HELIOS_LAMBDA_FUNCTION",
    ),
]
MergeFunction = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Lambda function that joins chunks.",
        show_default="HELIOS_LAMBDA_MERGE_FUNCTION, else the one that renders",
    ),
]
Region = Annotated[
    str | None, typer.Option(help="Region of the cloud.", show_default="as the environment says")
]
ServiceUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Cloud Run service.", show_default="HELIOS_CLOUDRUN_URL"),
]
Impersonate = Annotated[
    str | None,
    typer.Option(metavar="EMAIL", help="Service account to call the service as."),
]
Artifacts = Annotated[
    list[str] | None,
    typer.Option(
        metavar="URL",
        help="Storage of workers and this machine: s3://bucket/prefix, gs://...; repeatable.",
        show_default="HELIOS_S3_ARTIFACTS, HELIOS_GCS_ARTIFACTS",
    ),
]
Stitch = Annotated[
    str,
    typer.Option(
        metavar="WHERE",
        help="What joins remote chunks: local, worker, server (the storage itself), auto.",
    ),
]
Presign = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS", help="Print a link to the video in storage, valid for so long."
    ),
]
Retries = Annotated[int, typer.Option(help="Further tries of a chunk that failed.")]
RetryDelay = Annotated[
    float, typer.Option(help="Seconds before the first further try, at most; then doubled.")
]
ChunkTimeout = Annotated[
    float | None, typer.Option(help="Seconds that a try may take.", show_default="no limit")
]
Backups = Annotated[
    bool | None,
    typer.Option(
        "--backups/--no-backups",
        help="Give a chunk that takes much longer than the others to a second worker, too.",
        show_default="for chunks elsewhere",
    ),
]
MaxCost = Annotated[
    float | None,
    typer.Option(
        metavar="USD",
        help="US dollars that the job may cost, by list prices.",
        show_default="no limit",
    ),
]
Deadline = Annotated[
    str | None,
    typer.Option(
        metavar="DURATION",
        help="How long rendering and joining may take: 90s, 30m, 1h30m.",
        show_default="no limit",
    ),
]
NoMerge = Annotated[bool, typer.Option("--no-merge", help="Leave the chunks as they are.")]
OnlyChunks = Annotated[
    list[int] | None, typer.Option("--chunk", metavar="ID", help="Only this chunk; repeatable.")
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Keep the chunks that are there already and are whole.")
]
SeamCheck = Annotated[
    str,
    typer.Option(
        metavar="off|warn|heal",
        help="If two chunks draw one frame differently: heal renders with --replay again.",
    ),
]
Incremental = Annotated[
    bool,
    typer.Option(
        "--incremental", help="Keep the chunks of the last such render that would be the same."
    ),
]
Props = Annotated[str, typer.Option(help="JSON object or @file.json: window.__HELIOS_PROPS__.")]
Crf = Annotated[int | None, typer.Option(help="Constant rate factor.", show_default="18 for h264")]
Preset = Annotated[
    str | None, typer.Option(help="Encoder speed.", show_default="veryfast for h264")
]
CodecName = Annotated[
    str | None,
    typer.Option(
        "--codec", help="h264, h265, vp9, av1, prores, gif, png, jpeg.", show_default="by file name"
    ),
]
JpegQuality = Annotated[int | None, typer.Option(min=1, max=100, help="Of captured frames.")]
Scale = Annotated[float, typer.Option(help="Output pixels per CSS pixel.")]
Transparent = Annotated[bool, typer.Option("--transparent", help="Keep transparency.")]
Seed = Annotated[int, typer.Option(help="What Math.random starts from.")]
TimeZone = Annotated[str, typer.Option("--timezone", help="Time zone of the page: Europe/Paris.")]
Locale = Annotated[str, typer.Option(help="Language tag of the page: en-US, de.")]
Replay = Annotated[
    bool | None,
    typer.Option(
        "--replay/--no-replay",
        help="Run every frame from 0 on first, for pages that build on their own last frame.",
        show_default="what the page declares",
    ),
]
Reference = Annotated[
    bool,
    typer.Option(
        "--reference",
        help="Draw and photograph every frame, losslessly, in one chunk. Slow: to compare with.",
    ),
]
NoAudio = Annotated[bool, typer.Option("--no-audio", help="Leave the sound out.")]
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Go on when a file of the page isn't there.")
]
Timeout = Annotated[
    float | None, typer.Option(help="Seconds for the page to load, and for each frame.")
]
JobDir = Annotated[
    Path | None,
    typer.Option(help="Folder for the spec and the chunks.", show_default="OUTPUT.job, beside it"),
]
Keep = Annotated[bool, typer.Option("--keep", help="Keep the job's folder after success.")]
Webhook = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Tell this URL how the job ended; signed with HELIOS_WEBHOOK_SECRET.",
        show_default="none",
    ),
]
WebhookProgress = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="Tell it of progress, too, so often at most."),
]
Jobs = Annotated[
    str | None,
    typer.Option(
        metavar="WHERE",
        help="Where jobs are kept: a folder, s3://bucket/prefix, gs://..., or none.",
        show_default="HELIOS_JOBS, else ~/.local/state/helios/jobs",
    ),
]
JobId = Annotated[str, typer.Argument(metavar="ID", help="A job's id.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON document per event, on stdout.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show what workers say.")]
