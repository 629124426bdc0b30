"""The simulation of fleets against courses whose answer is known, and properties that hold for any."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zhiguan.lines.vehicles.domain import sizing
from zhiguan.lines.vehicles.domain.sizing import Demand

ORDERS = st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 600)), max_size=60).map(
    lambda found: Demand.of([start for start, _ in found], [start + length for start, length in found])
)


def test_one_after_the_other_needs_one():
    demand = Demand.of([0, 60, 120], [60, 120, 180])
    assert (sizing.peak(demand), sizing.needed(demand, 1.0)) == (1, 1)
    # a quarter of an hour to turn round makes them overlap
    assert (sizing.peak(demand, 15), sizing.needed(demand, 1.0, 15)) == (2, 2)


def test_one_rush_is_not_worth_a_fleet():
    """Nineteen orders follow one another, ten more come at one moment: two thirds are served by one vehicle."""
    starts = [*range(0, 1900, 100), *[5000] * 10]
    demand = Demand.of(starts, [start + 50 for start in starts])
    assert sizing.peak(demand) == 10
    assert sizing.served(demand, 1) == 20
    assert sizing.needed(demand, 0.68) == 1
    assert sizing.needed(demand, 0.95) == 9
    found = sizing.size(demand, usual=0.95, high=0.99, turnaround=0)
    assert (found.orders, found.usual, found.high, found.curve[-1]) == (29, 9, 10, (10, 1.0))


def test_no_orders_need_nothing():
    found = sizing.size(Demand.of([], []), usual=0.95, high=0.99, turnaround=15)
    assert (found.orders, found.peak, found.usual, found.curve) == (0, 0, 0, ())


@given(ORDERS, st.integers(0, 30))
def test_the_peak_serves_all_and_one_less_does_not(demand, turnaround):
    most = sizing.peak(demand, turnaround)
    assert sizing.served(demand, most, turnaround) == len(demand)
    if most > 1:
        assert sizing.served(demand, most - 1, turnaround) < len(demand)


@given(ORDERS, st.floats(0.5, 1.0), st.integers(0, 30))
def test_what_is_needed_is_enough_and_the_least(demand, share, turnaround):
    fleet = sizing.needed(demand, share, turnaround)
    assert sizing.served(demand, fleet, turnaround) >= share * len(demand) - 1e-6
    if fleet:
        assert sizing.served(demand, fleet - 1, turnaround) < share * len(demand)
