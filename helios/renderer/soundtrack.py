"""Mixes the audio of a composition's media elements and joins it with the picture."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote, urlsplit

from helios.errors import AudioFailed, OptionInvalid
from helios.media.audio_mix import AudioTrack, mix_audio
from helios.media.ffmpeg import file_url, require_encoder, run_ffmpeg
from helios.media.probe import probe
from helios.renderer.browser.devtools import Params
from helios.renderer.composition import LOCAL_ORIGIN, Composition
from helios.renderer.media.data_url import data_of
from helios.renderer.page import CompositionPage, PageOptions
from helios.renderer.render_session import open_stage

#: Encoder of the sound by the container's file name ending.
_USUAL_CODEC = {".mp4": "aac", ".m4v": "aac", ".mov": "aac", ".mkv": "aac", ".webm": "libopus"}
_MUXER = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
#: WebM's own rule; other containers hold what ffmpeg offers.
_WEBM_CODECS = frozenset({"libopus", "opus", "libvorbis", "vorbis"})


@dataclass(frozen=True)
class Soundtrack:
    """All sounds of a composition, on its timeline."""

    tracks: tuple[AudioTrack, ...]

    @classmethod
    def of(
        cls,
        sounds: Sequence[Params],
        composition: Composition,
        *,
        scratch: Path,
        blobs: Mapping[str, bytes] | None = None,
        allow_missing: bool = False,
    ) -> "Soundtrack":
        """Build it from what `CompositionPage.sounds` returned.

        Parameters
        ----------
        scratch:
            Folder that takes sounds which the page itself holds.
        blobs:
            What `blob:` addresses stand for.
        allow_missing:
            Leave out what can't be read outside of the browser.

        Raises
        ------
        AudioFailed
            An address can't be read outside of the browser.
        """
        sources: dict[str, str | None] = {}
        for number, url in enumerate(dict.fromkeys(sound["source"] for sound in sounds)):
            try:
                sources[url] = _source(url, composition, scratch / f"sound-{number}", blobs or {})
            except AudioFailed:
                if not allow_missing:
                    raise
                sources[url] = None
        return cls(
            tuple(
                _track(sound, source)
                for sound in sounds
                if (source := sources[sound["source"]]) is not None
            )
        )

    async def readable(self) -> "Soundtrack":
        """Return those that can be read: for a page that may go on without the others."""
        found = await asyncio.gather(*(_is_readable(track.source) for track in self.tracks))
        pairs = zip(self.tracks, found, strict=True)
        return Soundtrack(tuple(track for track, is_there in pairs if is_there))

    async def check(self) -> None:
        """Refuse sources that can't be read.

        Raises
        ------
        AudioFailed
        """
        for source in dict.fromkeys(track.source for track in self.tracks):
            await probe(source, error=AudioFailed, packets=False)


async def collect(
    page: CompositionPage,
    composition: Composition,
    *,
    scratch: Path,
    final: bool = False,
    allow_missing: bool = False,
) -> Soundtrack:
    """Return what a page has played so far.

    Parameters
    ----------
    scratch:
        Folder that takes sounds which the page itself holds.
    final:
        The page has been driven to its end.
    allow_missing:
        Leave out what can't be read.

    Raises
    ------
    AudioFailed
        An address can't be read outside of the browser.
    """
    sounds = await page.sounds(final=final)
    blobs = {}
    for url in {sound["source"] for sound in sounds if sound["source"].startswith("blob:")}:
        content = await page.blob(url)
        if content is not None:
            blobs[url] = content
    found = Soundtrack.of(
        sounds, composition, scratch=scratch, blobs=blobs, allow_missing=allow_missing
    )
    return await found.readable() if allow_missing else found


async def listen(
    composition: Composition,
    options: PageOptions,
    *,
    frame_count: int,
    scratch: Path,
    replay: bool | None = None,
) -> Soundtrack:
    """Play a composition through without taking pictures, and return its whole sound.

    Parameters
    ----------
    scratch:
        Folder that takes sounds which the page itself holds.
    replay:
        Visit every frame; None leaves it to the page.

    Raises
    ------
    HeliosError
        The composition can't be played, or a source can't be read.
    """
    every_frame = replay
    options = replace(options, seconds=frame_count / options.rate)
    while True:
        async with open_stage(composition, options) as stage:
            page = stage.page
            if every_frame is None:
                every_frame = (await page.declared()).replay
            if await _play_through(page, frame_count - 1, every_frame=every_frame):
                return await collect(
                    page,
                    composition,
                    scratch=scratch,
                    final=True,
                    allow_missing=options.allow_missing,
                )
            every_frame = True


async def _play_through(page: CompositionPage, last: int, *, every_frame: bool) -> bool:
    """Move a page to its last frame; return whether all that it may have played was heard.

    Scripts that run in each frame may change a volume or play something in any of them. Until
    there is something that can sound they are skipped; if it turns up later, it may have been
    played in one of those that were.
    """
    skipped = False
    while page.frame is None or page.frame < last:
        moves = not every_frame and await page.moves_by_frame()
        if moves and await page.can_sound():
            if skipped:
                return False
            every_frame = True
        before = page.frame
        await page.step(last, every_frame=every_frame)
        skipped |= moves and not every_frame and page.frame != (before or 0) + 1
    return every_frame or not skipped or not await page.can_sound()


async def _is_readable(source: str | Path) -> bool:
    try:
        await probe(source, error=AudioFailed, packets=False)
    except AudioFailed:
        return False
    return True


def _track(sound: Params, source: str) -> AudioTrack:
    return AudioTrack(
        source=source,
        start=sound["start"],
        trim=sound["trim"],
        duration=sound["duration"],
        rate=sound["rate"],
        fade_in=sound["fadeIn"],
        fade_out=sound["fadeOut"],
        loop=sound["loop"],
        loop_start=sound["loopStart"],
        length=sound["length"],
        preserves_pitch=sound["preservesPitch"],
        volume_points=tuple((at, volume, ramped) for at, volume, ramped in sound["volumes"]),
    )


def _source(
    url: str, composition: Composition, inline: Path, blobs: Mapping[str, bytes]
) -> str | None:
    """Return what ffmpeg opens for a media element's address.

    None for a file that the composition lacks: the page has told so, or may go on without.

    Parameters
    ----------
    inline:
        File that takes the sound if the page itself holds it.
    """
    if url in blobs:
        inline.write_bytes(blobs[url])
        return str(inline)
    if url.startswith("data:"):
        inline.write_bytes(data_of(url))
        return str(inline)
    if url.startswith(f"{LOCAL_ORIGIN}/") and composition.root is not None:
        # Takes a seventh of a second to import, which few pages have to wait for.
        from helios.renderer.asset_server import locate  # noqa: PLC0415

        path = locate(composition.root, unquote(urlsplit(url).path))
        return None if path is None else str(path)
    if url.startswith(("http://", "https://")):
        return url
    raise AudioFailed(
        f"{url}: its sound can't be read",
        hint="Give media elements a file of the composition, an http(s) address or a Blob;"
        " what a MediaSource plays can't be read, nor a Blob that a worker made.",
    )


async def mix_composition(
    composition: Composition,
    page: PageOptions,
    *,
    frame_count: int,
    output: Path,
    codec: str,
    replay: bool | None = None,
) -> bool:
    """Play a composition without taking pictures and mix its whole sound into a file.

    Returns
    -------
    Whether there is any sound; without any, no file is written.

    Raises
    ------
    HeliosError
        The composition can't be played or a source can't be read.
    """
    soundtrack = await listen(
        composition, page, frame_count=frame_count, scratch=output.parent, replay=replay
    )
    if not soundtrack.tracks:
        return False
    await mix_audio(
        soundtrack.tracks, frame_count=frame_count, rate=page.rate, output=output, codec=codec
    )
    return True


def check_audio_codec(codec: str, suffix: str) -> None:
    """Refuse an encoder for the sound that isn't there or that the container can't hold.

    Raises
    ------
    CodecUnavailable, OptionInvalid
    """
    require_encoder(codec)
    if suffix.lower() == ".webm" and codec not in _WEBM_CODECS:
        raise OptionInvalid(
            f"audio codec {codec!r}: doesn't go into .webm", hint="Use libopus or libvorbis."
        )


async def write_sound(
    soundtrack: Soundtrack,
    *,
    video: Path,
    output: Path,
    suffix: str,
    codec: str | None,
    start_frame: int,
    frame_count: int,
    rate: Fraction,
) -> bool:
    """Join a silent video with its part of the sound; return whether there is any.

    Parameters
    ----------
    suffix:
        File name ending that names the container.
    codec:
        ffmpeg's encoder, "" for the container's usual one, None for no sound. One that is named
        is written even where nothing sounds, so that all chunks of a job are alike.
    start_frame, frame_count:
        The range of frames on the timeline, whose samples are cut from the whole mix.

    Raises
    ------
    AudioFailed
        A source can't be read.
    """
    chosen = codec or _USUAL_CODEC.get(suffix.lower())
    if codec is None or chosen is None or (codec == "" and not soundtrack.tracks):
        video.replace(output)  # noqa: ASYNC240 - a rename
        return False
    mixed = output.with_name("sound.mka" if suffix.lower() in (".mkv", ".webm") else "sound.mov")
    await mix_audio(
        soundtrack.tracks,
        frame_count=frame_count,
        rate=rate,
        output=mixed,
        codec=chosen,
        start_frame=start_frame,
    )
    await run_ffmpeg(
        [
            *("-y", "-i", file_url(video), "-i", file_url(mixed), "-map", "0:v", "-map", "1:a"),
            *("-c", "copy", "-map_metadata", "-1", "-fflags", "+bitexact"),
            *("-movflags", "+faststart", "-f", _MUXER[suffix.lower()], file_url(output)),
        ],
        error=AudioFailed,
        message="the sound can't be joined with the picture",
    )
    return True
