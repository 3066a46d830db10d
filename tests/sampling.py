"""Marks most of many parameters `long` or `proof`, so that `make test` runs a sample of them."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

import pytest

Test = Callable[..., Any]


def sampled(
    values: Iterable[Any], sample: Collection[Any], *, proofs: Collection[Any] = ()
) -> list[Any]:
    """Return parameters for `parametrize`, marked `long` where they aren't in the sample.

    Args:
        proofs: Values that are marked `proof` instead.

    Raises:
        ValueError: The sample has a value that isn't among them.
    """
    values = list(values)
    if unknown := [value for value in sample if value not in values]:
        raise ValueError(f"not among the parameters: {unknown}")

    def marks(value: Any) -> Any:
        if value in sample:
            return ()
        return pytest.mark.proof if value in proofs else pytest.mark.long

    return [pytest.param(value, marks=marks(value)) for value in values]


def every_nth(n: int) -> Callable[[Test], Test]:
    """Mark a test's parameters `long`, but for the first of each n; stands above `parametrize`."""

    def mark(test: Test) -> Test:
        *others, parametrize = test.pytestmark  # type: ignore[attr-defined]
        names, rows = parametrize.args
        single = isinstance(names, str) and "," not in names
        marked = [
            pytest.param(*([row] if single else row), marks=pytest.mark.long if number % n else ())
            for number, row in enumerate(rows)
        ]
        again = pytest.mark.parametrize(names, marked, **parametrize.kwargs)
        test.pytestmark = [*others, again.mark]  # type: ignore[attr-defined]
        return test

    return mark
