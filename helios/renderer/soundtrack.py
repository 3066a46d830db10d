"""Collects the audio that a composition plays, and mixes it to a file."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from helios.errors import AudioFailed
from helios.media.audio_mix import mix_audio
from helios.media.audio_track import AudioTrack
from helios.media.probe import probe
from helios.renderer.browser.devtools import Params
from helios.renderer.composition import LOCAL_ORIGIN, Composition
from helios.renderer.media.data_url import data_of
from helios.renderer.page import CompositionPage, PageOptions
from helios.renderer.project_root import locate
from helios.renderer.render_session import open_render_session


@dataclass(frozen=True)
class Soundtrack:
    """All audio of a composition, on its timeline."""

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
        """Build the soundtrack from the result of `CompositionPage.sounds`.

        Raises `AudioFailed` if an address can't be read outside the browser.

        Args:
            scratch: Folder for audio that the page holds in memory.
            blobs: Contents of `blob:` addresses.
            allow_missing: Leave out audio that can't be read outside the browser.
        """
        sources: dict[str, str | None] = {}
        for number, url in enumerate(dict.fromkeys(sound["source"] for sound in sounds)):
            try:
                sources[url] = _source(url, composition, scratch / f"audio-{number}", blobs or {})
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
        """Return a soundtrack of the tracks whose sources can be read."""
        found = await asyncio.gather(*(_is_readable(track.source) for track in self.tracks))
        pairs = zip(self.tracks, found, strict=True)
        return Soundtrack(tuple(track for track, is_readable in pairs if is_readable))

    async def check(self) -> None:
        """Raise `AudioFailed` if a source can't be read."""
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
    """Return the audio that a page has played so far.

    Raises `AudioFailed` if an address can't be read outside the browser.

    Args:
        scratch: Folder for audio that the page holds in memory.
        final: Whether the page is at its last frame.
        allow_missing: Leave out audio that can't be read.
    """
    sounds = await page.audio.sounds(final=final)
    blobs = {}
    for url in {sound["source"] for sound in sounds if sound["source"].startswith("blob:")}:
        content = await page.audio.blob(url)
        if content is not None:
            blobs[url] = content
    found = Soundtrack.of(
        sounds, composition, scratch=scratch, blobs=blobs, allow_missing=allow_missing
    )
    return await found.readable() if allow_missing else found


async def record_soundtrack(
    composition: Composition,
    options: PageOptions,
    *,
    frame_count: int,
    scratch: Path,
    replay: bool | None = None,
) -> Soundtrack:
    """Play a composition to its end without capturing frames, and return all its audio.

    Audio that the page holds in memory is written to `scratch`. `replay` visits every frame; None
    takes the page's own declaration.
    """
    every_frame = replay
    options = replace(options, seconds=frame_count / options.rate)
    while True:
        async with open_render_session(composition, options) as session:
            page = session.page
            if every_frame is None:
                every_frame = (await page.declared()).replay or options.dialect.sounds_by_frame
            if await _play_through(page, frame_count - 1, every_frame=every_frame):
                return await collect(
                    page,
                    composition,
                    scratch=scratch,
                    final=True,
                    allow_missing=options.allow_missing,
                )
            every_frame = True


async def mix_composition(
    composition: Composition,
    page: PageOptions,
    *,
    frame_count: int,
    output: Path,
    codec: str,
    replay: bool | None = None,
) -> bool:
    """Play a composition to its end without capturing frames, and mix its audio to a file.

    Returns whether the composition has audio; without any, no file is written.
    """
    soundtrack = await record_soundtrack(
        composition, page, frame_count=frame_count, scratch=output.parent, replay=replay
    )
    if not soundtrack.tracks:
        return False
    await mix_audio(
        soundtrack.tracks, frame_count=frame_count, rate=page.rate, output=output, codec=codec
    )
    return True


async def _play_through(page: CompositionPage, last: int, *, every_frame: bool) -> bool:
    """Move a page to its last frame; return whether all its audio was recorded.

    Frames are skipped until the page has something that can sound. Scripts that run in each frame
    may have played audio in a skipped frame; the result is then False.
    """
    skipped = False
    while page.frame is None or page.frame < last:
        moves = not every_frame and await page.audio.moves_by_frame()
        if moves and await page.audio.can_sound():
            if skipped:
                return False
            every_frame = True
        before = page.frame
        await page.step(last, every_frame=every_frame)
        skipped |= moves and not every_frame and page.frame != (before or 0) + 1
    return every_frame or not skipped or not await page.audio.can_sound()


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
        pitch=sound.get("pitch", 1.0),
        volume_points=tuple((at, volume, ramped) for at, volume, ramped in sound["volumes"]),
    )


def _source(
    url: str, composition: Composition, inline: Path, blobs: Mapping[str, bytes]
) -> str | None:
    """Return the file or URL that ffmpeg opens for a media element's address.

    None for a file that the composition lacks: `PageRequests` has reported or allowed that. Audio
    that the page holds in memory is written to `inline`.
    """
    if url in blobs:
        inline.write_bytes(blobs[url])
        return str(inline)
    if url.startswith("data:"):
        inline.write_bytes(data_of(url))
        return str(inline)
    if url.startswith(f"{LOCAL_ORIGIN}/") and composition.root is not None:
        path = locate(composition.root, unquote(urlsplit(url).path))
        return None if path is None else str(path)
    if url.startswith(("http://", "https://")):
        return url
    raise AudioFailed(
        f"{url}: its audio can't be read",
        hint="Give media elements a file of the composition, an http(s) address or a Blob. The"
        " audio of a MediaSource, and of a Blob made in a web worker, can't be read.",
    )
