"""An endpoint's limit of concurrent jobs: it grows with success, and halves when throttled."""

import math
from dataclasses import dataclass

#: Jobs at once that an endpoint is given of which nothing is known.
START = 10.0
#: What a window is multiplied by when the endpoint throttles.
DECREASE = 0.5
#: Share of what it was cut down to that a window grows by in a round trip from then on; one job at
#: least.
INCREASE_SHARE = 0.1


@dataclass(slots=True)
class AdaptiveConcurrencyLimit:
    """Jobs that an endpoint is given at once: additive increase, multiplicative decrease.

    Until it is throttled for the first time it grows by one with each job that is taken, which
    doubles it in a round trip; from then on by a fixed amount in a round trip. It is halved once
    for all jobs that were running together, which count as one.
    """

    #: Jobs at once.
    size: float = START
    #: The limit after the last halving; infinite before the first.
    threshold: float = math.inf
    #: Counts how often it was halved. Jobs remember the one that they were sent in.
    turn: int = 0

    @property
    def limit(self) -> int:
        """Jobs that may be under way."""
        return max(1, int(self.size))

    def took(self, *, under_way: int) -> float:
        """Note that a job was taken, and return by how much the limit grew.

        `under_way` counts it, too: a limit that isn't reached says nothing about the room there is.
        """
        if 2 * under_way < self.size:
            return 0.0
        growth = 1.0
        if self.size >= self.threshold:
            growth = max(1.0, INCREASE_SHARE * self.threshold) / self.size
        self.size += growth
        return growth

    def throttled(self, turn: int) -> bool:
        """Note a throttled job by the turn in which it was sent; tell whether the limit shrinks."""
        if turn < self.turn:
            return False
        self.size = self.threshold = max(1.0, DECREASE * self.size)
        self.turn += 1
        return True
