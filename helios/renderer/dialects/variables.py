"""Variables that a page declares: the props that it takes."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from helios.contract.strict_json import parse_json


@dataclass(frozen=True)
class Variable:
    """A declared variable.

    Attributes:
        name: Its key in the props.
        kind: `number`, `boolean`, `enum`, `image`, `font`, or another word for a text.
        options: The values of an `enum`.
        is_required: Whether it has no default.
        default: Its default; None if it has none.
        label: Its name for people; empty if it has none.
    """

    name: str
    kind: str = "string"
    options: tuple[Any, ...] = ()
    is_required: bool = False
    default: Any = None
    label: str = ""

    def accepts(self, value: Any) -> bool:
        """Return whether it can have a value."""
        if self.kind == "number":
            number = isinstance(value, int | float) and not isinstance(value, bool)
            # Callers of the API may give whole numbers of any size.
            return number and abs(value) <= sys.float_info.max
        if self.kind == "boolean":
            return isinstance(value, bool)
        if self.kind == "enum":
            return value in self.options
        return isinstance(value, str) or (self.kind in ("image", "font") and _is_object(value))

    def read(self, text: str) -> Any:
        """Return the value that a text stands for; the text itself if it stands for none."""
        if self.kind == "number":
            try:
                return parse_json(text)
            except ValueError:
                return text
        if self.kind == "boolean":
            return {"true": True, "false": False}.get(text.strip().lower(), text)
        if self.kind == "enum":
            return next((option for option in self.options if str(option) == text), text)
        return text


def read_variables(texts: Sequence[str]) -> tuple[Variable, ...] | None:
    """Return the variables in JSON arrays of declarations; None if there are no arrays."""
    found: dict[str, Variable] = {}
    declares = False
    for text in texts:
        try:
            declarations = parse_json(text)
        except ValueError:
            continue
        if not isinstance(declarations, list):
            continue
        declares = True
        for one in declarations:
            if _is_object(one) and isinstance(one.get("id"), str):
                found[one["id"]] = _variable(one)
    return tuple(found.values()) if declares else None


def _variable(declaration: dict[str, Any]) -> Variable:
    options = declaration.get("options")
    values = [
        option["value"] if _is_object(option) and "value" in option else option
        for option in (options if isinstance(options, list) else [])
    ]
    return Variable(
        declaration["id"],
        str(declaration.get("type", "string")),
        tuple(values),
        "default" not in declaration,
        declaration.get("default"),
        str(declaration.get("label") or ""),
    )


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)
