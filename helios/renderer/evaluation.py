"""Finds out what a composition declares where only its scripts know."""

from dataclasses import replace

from helios.contract.frame_rate import frame_rate
from helios.renderer.composition import Composition
from helios.renderer.dialects import PageDefaults
from helios.renderer.page import PageOptions
from helios.renderer.page.reports.support import unchosen
from helios.renderer.render_session import open_render_session


async def evaluate(composition: Composition, options: PageOptions) -> PageDefaults:
    """Return what a composition declares, given the props and the id in `options`.

    Args:
        options: Those of the page, in a dialect whose compositions are evaluated.

    Raises:
        CompositionUnchosen: The file holds several, and `options` name none.
        OptionInvalid: It holds none with the id that `options` name.
        HeliosError: It can't be loaded, or a script of it fails.
    """
    async with open_render_session(composition, replace(options, evaluates=True)) as session:
        found = await session.page.compositions()
    shown = found["shown"]
    if shown is None:
        raise unchosen(composition.url, options.composition_id, found["ids"], found["all"])
    return PageDefaults(width=shown["width"], height=shown["height"], rate=frame_rate(shown["fps"]))
