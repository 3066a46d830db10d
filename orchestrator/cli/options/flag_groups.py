"""Groups of flags that are settings of a render, under the names that the API has for them."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

import typer

from orchestrator.model.render_fields import DEFAULTS, SETTINGS, TYPES

_Group = TypeVar("_Group", bound="Keywords")


@dataclass(frozen=True, kw_only=True)
class Keywords:
    """Flags that are keywords of the API."""

    def keywords(self) -> dict[str, Any]:
        """Return the flags as keywords of `orchestrator.render`."""
        # Typer gives an empty list where a flag isn't given.
        return {name: None if value == [] else value for name, value in vars(self).items()}


def keywords_of(*groups: Keywords) -> dict[str, Any]:
    """Return the keywords of several groups."""
    return {name: value for group in groups for name, value in group.keywords().items()}


def settings(
    *names: str, heading: str | None = None, unset: str | None = None
) -> Callable[[type[_Group]], type[_Group]]:
    """Decorate a class, so that it has a flag for each of some settings.

    Args:
        names: Names of the settings.
        heading: Heading of the flags in `--help`.
        unset: Description of the default of all of them, which then is None.
    """

    def decorate(group: type[_Group]) -> type[_Group]:
        group.__annotations__ = {name: _flag(name, heading, unset) for name in names}
        for name in names:
            setattr(group, name, None if unset else DEFAULTS[name])
        return dataclasses.dataclass(frozen=True, kw_only=True)(group)

    return decorate


def _flag(name: str, heading: str | None, unset: str | None) -> Any:
    setting = SETTINGS[name]
    option = typer.Option(
        setting.flag,
        help=setting.help,
        metavar=setting.metavar,
        show_default=unset or setting.default or True,
        rich_help_panel=heading,
    )
    kind = _type_of(name)
    return Annotated[kind | None if unset or DEFAULTS[name] is None else kind, option]


def _type_of(name: str) -> Any:
    """Return the type of a flag's value: text, where a setting has several types."""
    given = TYPES[name]
    kinds = [kind for kind in get_args(given) or (given,) if kind is not type(None)]
    return kinds[0] if kinds[0] in (bool, int, float, Path, list[int]) and len(kinds) == 1 else str
