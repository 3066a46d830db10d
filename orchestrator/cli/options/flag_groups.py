"""Groups of flags, as one argument of the commands that share them."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Decorate a command that takes groups of flags: each field of a group becomes a flag.

    A parameter is a group if its type is a dataclass; its fields are annotated as flags are. A
    group may have a `heading`, which is that of its flags in `--help`.
    """
    groups: dict[str, Any] = {}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if dataclasses.is_dataclass(parameter.annotation):
            groups[parameter.name] = parameter.annotation
            parameters += _flags_of(parameter.annotation)
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def flat(**values: Any) -> None:
        for name, group in groups.items():
            names = [field.name for field in dataclasses.fields(group)]
            values[name] = group(**{name: values.pop(name) for name in names})
        command(**values)

    # functools.wraps took over what only fits the command itself.
    flat.__annotations__ = {}
    del flat.__wrapped__
    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return flat


def _flags_of(group: Any) -> Iterator[inspect.Parameter]:
    heading = getattr(group, "heading", None)
    for field in dataclasses.fields(group):
        if heading is not None:
            (option,) = field.type.__metadata__  # type: ignore[union-attr]
            option.rich_help_panel = heading
        yield inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type
        )


@dataclass(frozen=True, kw_only=True)
class Keywords:
    """Flags that are keywords of the API, under their names there."""

    def keywords(self) -> dict[str, Any]:
        """Return the flags as keywords of `orchestrator.render`."""
        return dataclasses.asdict(self)


def keywords_of(*groups: Keywords) -> dict[str, Any]:
    """Return the keywords of several groups."""
    return {name: value for group in groups for name, value in group.keywords().items()}
