"""Times and texts on the wire."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from tunesmith.server.kit.errors import BadRequestError
from tunesmith.server.kit.ids import BadIdError, parse_id
from tunesmith.server.kit.wire import Body, Moment, Reply, StrictBody


class Timed(Reply):
    at: Moment


def test_times_are_utc_with_the_offset_spelled_out() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    assert Timed(at=moment).model_dump(mode="json") == {"at": "2026-01-02T03:04:05.678+00:00"}
    elsewhere = moment.astimezone(timezone(timedelta(hours=9)))
    assert Timed(at=elsewhere).model_dump_json() == Timed(at=moment).model_dump_json()


def test_a_body_ignores_what_it_does_not_know_unless_it_is_strict() -> None:
    class Loose(Body):
        name: str

    class Tight(StrictBody):
        name: str

    assert Loose.model_validate({"name": "a", "more": 1}) == Loose(name="a")
    with pytest.raises(ValueError, match="more"):
        Tight.model_validate({"name": "a", "more": 1})


def test_ids_are_uuids() -> None:
    text = "6f1c1e4e-9a0b-4c1d-8e2f-3a4b5c6d7e8f"
    assert parse_id(text) == UUID(text)
    for wrong in ("", "1", "x" * 5000, "\ud800", text + "0"):
        with pytest.raises(BadIdError) as refused:
            parse_id(wrong)
        assert isinstance(refused.value, BadRequestError)
        assert refused.value.body()["error_code"] == 1
        assert len(refused.value.body()["error_desc"]) <= 1000
        refused.value.body()["error_desc"].encode()
