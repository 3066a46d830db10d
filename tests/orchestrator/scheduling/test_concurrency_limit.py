"""How many jobs an endpoint is given at once, and how renders on one machine share that."""

import contextlib
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.scheduling.concurrency_limit import START, AdaptiveConcurrencyLimit, fair_share
from orchestrator.scheduling.shared_limit import REFRESH, SharedConcurrencyLimit

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
def test_whatever_happens_a_window_lets_one_job_through_and_turns_go_on(
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


@given(st.floats(min_value=1, max_value=1_000), st.lists(st.floats(min_value=0, max_value=2_000)))
def test_shares_are_fair_and_add_up(size: float, wants: list[float]) -> None:
    everyone = [*wants, float("inf")]
    shares = [
        min(want, fair_share(size, everyone[:index] + everyone[index + 1 :]))
        for index, want in enumerate(everyone)
    ]
    assert sum(shares) == pytest.approx(size)
    # Who gets less than another wanted no more.
    greatest = max(shares)
    assert all(
        share == pytest.approx(want) or share == pytest.approx(greatest)
        for want, share in zip(everyone, shares, strict=True)
    )


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += REFRESH
        return self.now


def shared(folder: Path, endpoint: str = "function") -> SharedConcurrencyLimit:
    return SharedConcurrencyLimit(endpoint, folder=folder, clock=Clock())


def test_the_next_render_begins_with_what_the_last_one_learned(tmp_path: Path) -> None:
    first = shared(tmp_path)
    for _ in range(20):
        first.took(under_way=first.limit)
    first.throttled(first.turn)
    first.leave()
    following = shared(tmp_path)
    assert following.limit == 15
    assert following.threshold == 15
    assert shared(tmp_path, "another").limit == START


def test_renders_at_the_same_time_share_a_window(tmp_path: Path) -> None:
    one, other = shared(tmp_path), shared(tmp_path)
    one.wants(100)
    other.wants(100)
    assert (one.limit, other.limit) == (5, 5)
    other.wants(2)
    assert one.limit == 8
    other.leave()
    assert one.limit == 10


def test_renders_at_the_same_time_learn_from_each_other(tmp_path: Path) -> None:
    one, other = shared(tmp_path), shared(tmp_path)
    assert one.limit == other.limit == 10
    turn = other.turn
    assert one.throttled(one.turn)
    # The same burst reached both.
    assert not other.throttled(turn)
    assert (one.size, other.size) == (5, 5)
    for _ in range(12):
        one.took(under_way=10)
    assert one.limit == other.limit == 7


#: Takes part in a window until it is killed.
USER = textwrap.dedent(
    """
    import pathlib, sys, time
    from orchestrator.scheduling.shared_limit import SharedConcurrencyLimit
    window = SharedConcurrencyLimit("function", folder=pathlib.Path(sys.argv[1]))
    window.wants(100)
    print(window.limit, flush=True)
    time.sleep(60)
    """
)


@contextlib.contextmanager
def another_render(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", USER, str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def test_a_render_that_was_killed_counts_no_more(tmp_path: Path) -> None:
    window = shared(tmp_path)
    window.wants(100)
    with another_render(tmp_path) as process:
        assert window.limit == 5
        process.kill()
        process.wait()
        assert window.limit == 10


@pytest.mark.parametrize("damage", [b"", b"{", b'{"endpoint": "function", "size": 0}'])
def test_a_window_that_cant_be_read_begins_anew(tmp_path: Path, damage: bytes) -> None:
    first = shared(tmp_path)
    first.throttled(0)
    first.leave()
    [kept] = tmp_path.glob("*/window.json")
    kept.write_bytes(damage)
    assert shared(tmp_path).limit == START


def test_a_folder_that_is_a_file_leaves_a_render_with_a_window_of_its_own(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    window = shared(blocked)
    assert window.limit == START
    window.throttled(0)
    assert window.limit == START / 2
    window.leave()
