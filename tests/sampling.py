"""Marks most of many parameters `long`, so that `make test` runs a sample of them."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def sampled(values: Iterable[Any], sample: Collection[Any]) -> list[Any]:
    """Return parameters for `parametrize`, marked `long` where they aren't in the sample.

    Raises
    ------
    ValueError
        The sample has a value that isn't among them.
    """
    values = list(values)
    if unknown := [value for value in sample if value not in values]:
        raise ValueError(f"not among the parameters: {unknown}")
    return [
        pytest.param(value, marks=() if value in sample else pytest.mark.long) for value in values
    ]
