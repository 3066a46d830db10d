"""Questions to the documents of a page, answered by the runtime in them."""

import math
from fractions import Fraction

from helios.contract.messages.render_warning import RenderWarning
from helios.renderer.browser.devtools import Params
from helios.renderer.page.media import PageMedia
from helios.renderer.page.options import Declared, PageOptions
from helios.renderer.page.reports.support import check_dialect, unchosen, warnings_of
from helios.renderer.page.requests import PageRequests
from helios.renderer.page.session import PageSession

#: Answer for a document that was removed while it was queried.
UNANSWERED: Params = {
    "waiting": [],
    "picturing": [],
    "unplayable": [],
    "moved": False,
    "pending": True,
    "hidden": False,
    "transitioning": False,
    "leftOut": False,
    "resting": False,
    "still": False,
}


class PageQueries:
    """Reads what a page declares, uses and expects; nothing of it changes the page."""

    def __init__(
        self,
        session: PageSession,
        options: PageOptions,
        *,
        requests: PageRequests,
        media: PageMedia,
    ) -> None:
        self._session = session
        self._options = options
        self._requests = requests
        self._media = media

    @property
    def frame(self) -> int | None:
        """The current frame; None before the first."""
        return self._session.frame

    async def warnings(self) -> list[RenderWarning]:
        """Return warnings for features used so far that can't be rendered faithfully."""
        answers = await self._session.evaluate_all("__helios_runtime__.support()")
        root, names = self._media.root, self._options.dialect.ignored_files
        files = [name for name in names if root is not None and (root / name).is_file()]
        return warnings_of(answers, self._requests.data_hosts, files)

    async def declared(self) -> Declared:
        """Return the page's declared duration and mode."""
        found = await self._session.evaluate("__helios_runtime__.declared()")
        return Declared(found["duration"], found["longestAnimation"], found["replay"])

    async def compositions(self) -> Params:
        """Return which compositions the page's file holds, in dialects whose files hold several.

        `ids` has all ids, `all` what each composition declares; `shown` is the chosen one, or None,
        and `all` then has it alone.
        """
        found: Params = await self._session.evaluate("__helios_runtime__.compositions()")
        return found

    async def _check_dialect(self, url: str) -> None:
        """Raise if the page can't be rendered in its dialect, or no composition of it is chosen."""
        support = await self._session.evaluate("__helios_runtime__.support()")
        said = support["dialect"]
        check_dialect(url, self._options.dialect, said["unhonoured"])
        if (ids := said.get("unchosen")) is not None:
            raise unchosen(url, self._options.composition_id, ids)

    async def _has_layers(self) -> bool:
        """Return whether the page may draw something in a separate layer."""
        return any(await self._session.evaluate_all("__helios_runtime__.hasLayers()"))

    async def _next_event(self) -> float | None:
        """Return the time in milliseconds of the next timer or animation event, if any."""
        times = await self._session.evaluate_all("__helios_runtime__.nextEvent()")
        return min((time for time in times if time is not None), default=None)

    def _frame_at(self, clock: float) -> int:
        """Return the first frame that shows what happens at a time in milliseconds."""
        return math.ceil(Fraction(clock) * self._options.rate / 1000 - Fraction(1, 1000))

    async def _check_playable(self, answers: list[Params]) -> None:
        if self._options.allow_missing:
            return
        for address in {url for answer in answers for url in answer["unplayable"]}:
            await self._media.check_playable(address)
