"""`helios inspect`: prints the properties of a composition."""

import json

from helios.cli.page_flags import (
    CompositionId,
    Dialect,
    Fps,
    Input,
    Locale,
    Props,
    Root,
    Seed,
    Timeout,
    TimeZone,
    page_options,
)
from helios.cli.run import run
from helios.contract.localization import DEFAULT_LOCALE, DEFAULT_TIME_ZONE


def inspect(
    source: Input,
    fps: Fps = None,
    root: Root = None,
    dialect: Dialect = None,
    composition_id: CompositionId = None,
    props: Props = "{}",
    seed: Seed = 0,
    time_zone: TimeZone = DEFAULT_TIME_ZONE,
    locale: Locale = DEFAULT_LOCALE,
    timeout: Timeout = 30.0,
) -> None:
    """Print a composition's dialect and what it declares, as JSON; of a file of several, each."""

    async def work() -> None:
        from helios.errors import CompositionUnchosen
        from helios.renderer.composition import Composition
        from helios.renderer.dialects import open_dialect
        from helios.renderer.inspect import inspect as inspect_composition

        composition = Composition.find(source, root=root)
        try:
            page = await page_options(
                composition,
                fps=fps,
                dialect=dialect,
                composition_id=composition_id,
                seed=seed,
                props=props,
                time_zone=time_zone,
                locale=locale,
                allow_missing=True,
                timeout=timeout,
            )
            facts = (await inspect_composition(composition, page)).as_json()
        except CompositionUnchosen as several:
            found = open_dialect(composition, dialect)[0].name
            listed = [dict(one) for one in several.compositions]
            facts = {"url": composition.url, "dialect": found, "compositions": listed}
        print(json.dumps(facts, indent=2))

    run(work())
