"""How many jobs an endpoint is given at once."""

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.scheduling.concurrency_limit import AdaptiveConcurrencyLimit

QUOTAS = st.integers(min_value=1, max_value=400)


class Endpoint:
    """Takes so many jobs at once, in round trips; whenever one ends, another one is sent."""

    def __init__(self, window: AdaptiveConcurrencyLimit, quota: int) -> None:
        self.window = window
        self.quota = quota
        self.throttled = 0
        self.taken = 0

    def round_trip(self) -> None:
        sent, turn = self.window.limit, self.window.turn
        refused = max(0, sent - self.quota)
        for _ in range(refused):
            self.window.throttled(turn)
        for _ in range(sent - refused):
            self.window.took(under_way=sent - refused)
        self.throttled += refused
        self.taken += sent - refused


def test_an_endpoint_of_which_nothing_is_known_is_given_few_jobs_and_soon_more() -> None:
    endpoint = Endpoint(AdaptiveConcurrencyLimit(), quota=1_000)
    limits = []
    for _ in range(5):
        limits.append(endpoint.window.limit)
        endpoint.round_trip()
    assert limits == [10, 20, 40, 80, 160]


@given(QUOTAS)
@settings(max_examples=25)
def test_a_window_settles_around_what_an_endpoint_takes(quota: int) -> None:
    endpoint = Endpoint(AdaptiveConcurrencyLimit(), quota)
    for _ in range(20):
        endpoint.round_trip()
    endpoint.taken = endpoint.throttled = 0
    for _ in range(200):
        endpoint.round_trip()
        assert quota / 2 - 1 <= endpoint.window.size <= 1.2 * quota + 2
    assert endpoint.taken >= 0.7 * 200 * quota
    assert endpoint.throttled <= 0.15 * endpoint.taken + 200


@given(st.integers(min_value=1, max_value=100), st.floats(min_value=2, max_value=1_000))
def test_a_burst_halves_a_window_once(burst: int, size: float) -> None:
    window = AdaptiveConcurrencyLimit(size=size)
    turn = window.turn
    news = [window.throttled(turn) for _ in range(burst)]
    assert news == [True] + [False] * (burst - 1)
    assert window.size == size / 2
    assert window.throttled(window.turn)
    assert window.size == max(1.0, size / 4)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("took"), st.integers(min_value=1, max_value=500)),
            st.tuples(st.just("throttled"), st.integers(min_value=0, max_value=5)),
        )
    )
)
def test_a_limit_always_lets_one_job_through(
    story: list[tuple[str, int]],
) -> None:
    window = AdaptiveConcurrencyLimit()
    for what, number in story:
        size, turn = window.size, window.turn
        if what == "took":
            growth = window.took(under_way=number)
            assert 0 <= growth <= 1
            assert window.size == size + growth
        else:
            window.throttled(max(0, turn - number))
            assert window.size == (max(1.0, size / 2) if number == 0 or turn == 0 else size)
        assert window.limit >= 1
        assert window.turn - turn in (0, 1)


def test_a_window_that_isnt_used_doesnt_grow() -> None:
    window = AdaptiveConcurrencyLimit(size=100)
    assert window.took(under_way=49) == 0
    assert window.took(under_way=50) == 1


def test_after_throttling_a_window_regains_in_ten_round_trips_what_it_lost() -> None:
    endpoint = Endpoint(AdaptiveConcurrencyLimit(size=200), quota=10_000)
    endpoint.window.throttled(0)
    trips = 0
    while endpoint.window.limit < 200:
        endpoint.round_trip()
        trips += 1
    assert 9 <= trips <= 12
