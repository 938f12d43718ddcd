"""The time on another machine's clock is never overestimated: a late word must be no sign of life."""

from hypothesis import given
from hypothesis import strategies as st

from tunesmith.cluster.remote import FarClock

DELAYS = st.lists(st.tuples(st.floats(0.01, 100), st.floats(0, 50)), min_size=1, max_size=20)


@given(ahead=st.floats(-1e6, 1e6), fast=st.floats(-1e-4, 1e-4), readings=DELAYS)
def test_it_shows_what_the_other_clock_shows_or_less(ahead, fast, readings):
    """Readings come after any delay, and the other clock goes a little faster or slower than this one."""

    def there(here: float) -> float:
        return here * (1 + fast) + ahead

    clock, moment = FarClock(), 0.0
    for pause, delay in readings:
        moment += pause
        clock.read(there(moment), moment + delay)
        moment += delay
        assert clock.at(moment) <= there(moment) + 1e-6


def test_a_prompt_reading_makes_up_for_a_late_one():
    clock = FarClock()
    clock.read(1000.0, 30.0)
    assert clock.at(31.0) == 1001.0
    clock.read(1011.0, 11.0)
    assert clock.at(12.0) == 1012.0
    clock.read(1015.0, 40.0)
    assert 1040 < clock.at(41.0) <= 1041.0
