"""The audio of a page: media elements and Web Audio."""

import json

from helios.renderer.browser.devtools import Params
from helios.renderer.page.blobs import read_blob
from helios.renderer.page.session import PageSession


class PageAudio:
    """Reads what a page has played so far."""

    def __init__(self, session: PageSession) -> None:
        self._session = session

    async def sounds(self, *, final: bool = False) -> list[Params]:
        """Return the sounds that the page has played.

        Args:
            final: Whether the page is at its last frame; only then Web Audio's output is included.
        """
        expression = f"__helios_runtime__.sounds({json.dumps(final)})"
        answers = await self._session.evaluate_all(expression)
        return [sound for sounds in answers for sound in sounds]

    async def can_sound(self) -> bool:
        """Return whether the page has had anything that can sound."""
        return any([state["canSound"] for state in await self._states()])

    async def moves_by_frame(self) -> bool:
        """Return whether scripts run in each frame, which may change the audio."""
        return any([state["moves"] for state in await self._states()])

    async def renders(self) -> bool:
        """Return whether the page has connected a node to an AudioContext's output."""
        return any([state["renders"] for state in await self._states()])

    async def blob(self, address: str) -> bytes | None:
        """Return the content of a `blob:` address that a media element has played.

        None if it isn't a Blob, such as a MediaSource, or wasn't made by this page.
        """
        for context in await self._session.contexts():
            content = await read_blob(self._session, address, context)
            if content is not None:
                return content
        return None

    async def _states(self) -> list[Params]:
        return await self._session.evaluate_all("__helios_runtime__.soundState()")
