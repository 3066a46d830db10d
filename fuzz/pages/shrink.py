"""Making a page that shows a difference as small as it can be."""

from collections.abc import Awaitable, Callable

from fuzz.pages.tree import Forest, smaller

#: Pages that are tried at most.
_MOST_TRIES = 120


async def shrink(forest: Forest, differs: Callable[[Forest], Awaitable[bool]]) -> Forest:
    """Take away one thing after another, as long as the difference stays.

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
