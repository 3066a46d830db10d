"""Groups of flags that are keywords of the API."""

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Keywords:
    """Flags that are keywords of the API, under their names there."""

    def keywords(self) -> dict[str, Any]:
        """Return the flags as keywords of `orchestrator.render`."""
        return dataclasses.asdict(self)


def keywords_of(*groups: Keywords) -> dict[str, Any]:
    """Return the keywords of several groups."""
    return {name: value for group in groups for name, value in group.keywords().items()}
