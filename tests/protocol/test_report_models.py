"""Reports carry any bytes through JSON."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tunesmith.protocol import Report


@given(st.binary(max_size=200), st.binary(max_size=200), st.integers(0, 2**53 - 1))
def test_a_report_comes_back_as_it_was_sent(events: bytes, log: bytes, offset: int):
    report = Report(attempt=1, events_offset=offset, events=events, log_offset=offset, log=log)
    assert Report.model_validate_json(report.model_dump_json()) == report


@pytest.mark.parametrize("text", ['"*"', '"YQ"', '"caf\\u00e9"', "1", "null"])
def test_what_is_no_base64_is_refused(text: str):
    with pytest.raises(ValidationError):
        Report.model_validate_json('{"attempt": 1, "log": ' + text + "}")
