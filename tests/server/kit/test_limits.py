"""Counting requests: windows, their end, and the bound on what is remembered."""

import pytest

from tunesmith.server.kit.limits import Limiter, Rate, Windows, site_of

HOURLY = Rate(requests=3, seconds=3600)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10000/hour", Rate(10000, 3600)),
        (" 5 / Second ", Rate(5, 1)),
        ("1/day", Rate(1, 86400)),
        ("off", None),
        ("0", None),
        ("0/hour", None),
    ],
)
def test_a_rate_is_written_as_people_say_it(text: str, rate: Rate | None) -> None:
    assert Rate.parse(text) == rate


@pytest.mark.parametrize("text", ["", "many", "10", "-1/hour", "1.5/hour", "10/fortnight", "1/hour/hour"])
def test_what_is_no_rate_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="10000/hour"):
        Rate.parse(text)


def test_a_window_allows_its_number_and_then_says_when_to_come_back() -> None:
    windows = Windows(HOURLY, most=10)
    verdicts = [windows.count("ada", 1000.0 + second) for second in range(4)]
    assert [one.remaining for one in verdicts] == [2, 1, 0, 0]
    assert [one.allowed for one in verdicts] == [True, True, True, False]
    assert {one.reset for one in verdicts} == {4600}
    assert verdicts[-1].wait == 3597


def test_after_its_end_a_window_begins_anew() -> None:
    windows = Windows(HOURLY, most=10)
    for _ in range(5):
        windows.count("ada", 0.0)
    assert not windows.count("ada", 3599.9).allowed
    assert windows.count("ada", 3600.0).remaining == 2


def test_callers_and_routes_are_counted_apart() -> None:
    limiter = Limiter(Rate(1, 60))
    asked = [("key", "ada", "GET /a"), ("key", "bob", "GET /a"), ("key", "ada", "GET /b")]
    assert all(limiter.count(kind, who, route, 0.0).allowed for kind, who, route in asked)  # type: ignore[arg-type]
    assert not limiter.count("key", "ada", "GET /a", 1.0).allowed


def test_no_crowd_of_addresses_makes_a_key_forgotten() -> None:
    limiter = Limiter(Rate(1, 60), most=100)
    assert limiter.count("key", "ada", "GET /a", 0.0).allowed
    for number in range(10_000):
        limiter.count("address", f"10.{number}", "GET /a", 0.0)
    assert not limiter.count("key", "ada", "GET /a", 0.0).allowed


def test_no_more_is_remembered_than_may_be() -> None:
    windows = Windows(Rate(1, 60), most=100)
    for number in range(1000):
        windows.count(number, 0.0)
    assert len(windows) == 100
    assert not windows.count(999, 0.0).allowed
    windows.count("later", 61.0)
    assert len(windows) == 1


def test_what_has_ended_makes_room_before_what_still_counts() -> None:
    windows = Windows(Rate(1, 10), most=2)
    windows.count("ended", 0.0)
    windows.count("recent", 9.0)
    windows.count("new", 11.0)
    assert not windows.count("recent", 11.0).allowed


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("no:address", "no:address"),
        ("", ""),
    ],
)
def test_a_site_with_many_addresses_is_one(address: str, site: str) -> None:
    assert site_of(address) == site
