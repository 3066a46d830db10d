"""What the columns of a row set: the render's settings, and the page's props."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from helios.errors import OptionInvalid
from helios.renderer.dialects.variables import Variable
from helios.renderer.props import parse_props
from orchestrator.api.batches.rows import Row

#: Columns that are settings of the row's render; all others are props.
SETTINGS = frozenset(
    (
        *("width", "height", "scale", "fps", "duration", "frames", "seed"),
        *("timezone", "locale", "quality", "crf"),
    )
)
#: Column with a whole object of props, and prefix of columns that are props in any case.
PROPS = "props"
PROPS_PREFIX = "props."
#: Prefix of columns that the page isn't given, such as those that only name the output.
UNUSED_PREFIX = "_"


def is_prop(column: str) -> bool:
    """Tell whether a column is a prop of the page."""
    return column not in SETTINGS and column != PROPS and not column.startswith(UNUSED_PREFIX)


def settings_of(row: Row) -> dict[str, Any]:
    """Return the settings that a row's columns are; empty cells set nothing."""
    found = {name: value for name, value in row.values.items() if name in SETTINGS}
    return {name: value for name, value in found.items() if value not in (None, "")}


def props_of(
    row: Row,
    base: Mapping[str, Any],
    *,
    variables: Collection[Variable] | None,
    unused: Collection[str],
) -> dict[str, Any]:
    """Return the props of a row, over those that all rows have.

    Args:
        variables: The props that the page declares; None if it declares none.
        unused: Columns that only name the output.

    Raises:
        ValueError: Its text names what is wrong with a value.
    """
    props = dict(base)
    if row.values.get(PROPS) not in (None, ""):
        props |= _object(row.values[PROPS])
    for column, value in row.values.items():
        if is_prop(column) and column not in unused:
            props[column.removeprefix(PROPS_PREFIX)] = value
    if variables is not None:
        props = _declared(props, {each.name: each for each in variables}, is_text=row.is_text)
    try:
        json.dumps(props, allow_nan=False)
    except (TypeError, ValueError) as fault:
        raise ValueError(f"props: can't be JSON ({fault})") from None
    return props


def _declared(
    props: Mapping[str, Any], known: Mapping[str, Variable], *, is_text: bool
) -> dict[str, Any]:
    """Return props as the variables that a page declares."""
    found: dict[str, Any] = {}
    for name, value in props.items():
        variable = known.get(name)
        if variable is None:
            raise ValueError(f"{name}: the page declares no such variable")
        if value == "" and is_text and variable.kind != "string":
            continue
        read = variable.read(value) if is_text and isinstance(value, str) else value
        if not variable.accepts(read):
            raise ValueError(f"{name}: {_short(read)} is no {_kind(variable)}")
        found[name] = read
    missing = [each.name for each in known.values() if each.is_required and each.name not in found]
    if missing:
        raise ValueError(f"{missing[0]}: is missing, and the page declares no default for it")
    return found


def _object(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        if value.startswith("@"):
            raise ValueError("props: a row can't name a file")
        try:
            return parse_props(value)
        except OptionInvalid as fault:
            raise ValueError(fault.message) from None
    if isinstance(value, Mapping):
        return value
    raise ValueError(f"props: {_short(value)} is no object")


def _kind(variable: Variable) -> str:
    if variable.kind != "enum":
        return variable.kind
    return f"one of {', '.join(map(str, variable.options))}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
