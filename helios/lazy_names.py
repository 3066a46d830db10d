"""Names of a package whose modules are imported at first use."""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(package: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package that exports names of other modules.

    `places` gives the module of each name, as `module`, or as `module:name` if it has another name
    there.
    """

    def find(name: str) -> Any:
        place = places.get(name)
        if place is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, there = place.partition(":")
        value = getattr(importlib.import_module(module), there or name)
        # Further look-ups bypass this function.
        setattr(sys.modules[package], name, value)
        return value

    return find
