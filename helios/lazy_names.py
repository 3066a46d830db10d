"""Names that a package offers without importing their modules until they are used."""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(package: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package that offers names of other modules.

    Parameters
    ----------
    package:
        The package's name.
    places:
        The module that each name is in, as `module`, or `module:name` where it is called otherwise
        there.
    """

    def find(name: str) -> Any:
        place = places.get(name)
        if place is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, there = place.partition(":")
        value = getattr(importlib.import_module(module), there or name)
        # The next look-up finds it without this function.
        setattr(sys.modules[package], name, value)
        return value

    return find
