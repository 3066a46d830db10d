"""`helios merge`: joins chunk outputs into one video."""

from pathlib import Path
from typing import Annotated

from helios.cli.command_parser import Argument, Flag
from helios.cli.page_flags import (
    AllowMissing,
    CompositionId,
    Dialect,
    Fps,
    Locale,
    Props,
    Replay,
    Root,
    Seed,
    Timeout,
    TimeZone,
    page_options,
)
from helios.cli.run import run
from helios.contract.localization import DEFAULT_LOCALE, DEFAULT_TIME_ZONE
from helios.errors import OptionInvalid


def merge(
    output: Annotated[Path, Argument("The video to write.")],
    inputs: Annotated[
        list[Path] | None,
        Argument("Chunk outputs in order; without any, only the audio is written."),
    ] = None,
    video_codec: Annotated[str | None, Flag("Encode the video again.", default="copied")] = None,
    audio_codec: Annotated[str | None, Flag("Encode the audio again.", default="copied")] = None,
    quality: Annotated[int | None, Flag("Constant rate factor.")] = None,
    preset: Annotated[str | None, Flag("Encoder speed.")] = None,
    audio: Annotated[Path | None, Flag("An encoded audio file to join with the video.")] = None,
    audio_from: Annotated[
        str | None,
        Flag("A composition whose audio is mixed and joined with the video."),
    ] = None,
    frame_count: Annotated[int | None, Flag("Frames of the whole video, for --audio-from.")] = None,
    fps: Fps = None,
    root: Root = None,
    dialect: Dialect = None,
    composition_id: CompositionId = None,
    props: Props = "{}",
    seed: Seed = 0,
    time_zone: TimeZone = DEFAULT_TIME_ZONE,
    locale: Locale = DEFAULT_LOCALE,
    replay: Replay = None,
    allow_missing: AllowMissing = False,
    timeout: Timeout = 30.0,
) -> None:
    """Join chunk outputs into one video, without encoding them again unless asked to."""

    async def work() -> None:
        import tempfile

        from helios.output import check_writable, whole_output
        from helios.stitcher.ffmpeg import FfmpegStitcher
        from helios.stitcher.merge_encoding import MergeEncoding

        async def stitch(audio: Path | None, audio_codec: str | None) -> None:
            encode = MergeEncoding(
                video_codec=video_codec, audio_codec=audio_codec, quality=quality, preset=preset
            )
            await FfmpegStitcher(audio=audio, encode=encode).stitch(inputs or [], output)

        if audio_from is None:
            await stitch(audio, audio_codec)
            return
        from helios.renderer.composition import Composition
        from helios.renderer.soundtrack import mix_composition
        from helios.stitcher.chunk_audio import encode_audio

        if frame_count is None:
            raise OptionInvalid("--audio-from: give --frame-count as well")
        composition = Composition.find(audio_from, root=root)
        page = await page_options(
            composition,
            fps=fps,
            dialect=dialect,
            composition_id=composition_id,
            width=640,
            height=360,
            seed=seed,
            props=props,
            time_zone=time_zone,
            locale=locale,
            allow_missing=allow_missing,
            timeout=timeout,
        )
        check_writable(output)
        with tempfile.TemporaryDirectory(prefix="helios-audio-") as scratch:
            mixed = Path(scratch, "audio.mov")
            found = await mix_composition(
                composition,
                page,
                frame_count=frame_count,
                output=mixed,
                codec=audio_codec or "aac",
                replay=replay,
            )
            if inputs:
                await stitch(mixed if found else None, None)
            elif found:
                with whole_output(output) as folder:
                    alone = folder / output.name
                    await encode_audio(mixed, codec="copy", output=alone)
                    alone.replace(folder / "whole")

    run(work())
