"""Reduces a page that shows a difference."""

from collections.abc import Awaitable, Callable

from fuzz.pages.tree import Forest, smaller

#: Maximum number of pages to try.
_MOST_TRIES = 120


async def shrink(forest: Forest, differs: Callable[[Forest], Awaitable[bool]]) -> Forest:
    """Remove pieces one by one, as long as the difference stays.

    Args:
        differs: Renders a page and tells whether it shows a difference.
    """
    tries = 0
    while True:
        for less in smaller(forest):
            tries += 1
            if tries > _MOST_TRIES:
                return forest
            if less and await differs(less):
                forest = less
                break
        else:
            return forest
