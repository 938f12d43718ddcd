from hypothesis import given
from hypothesis import strategies as st

from tunesmith.data.findings import DatasetReport, Finding, Findings


def report(*messages, warnings=()):
    findings = Findings()
    for message in messages:
        findings.error(message, "a.txt", message, "Mend it.")
    for message in warnings:
        findings.warning(message, "a.txt", message, "Look at it.")
    return DatasetReport(findings=findings.all())


def test_a_report_without_findings_is_valid():
    assert DatasetReport().valid
    assert DatasetReport().sentence() == "The dataset is valid."


def test_warnings_leave_it_valid_and_are_told():
    assert report(warnings=["is odd"]).valid
    assert report(warnings=["is odd"]).sentence() == "1 warning: a.txt: is odd. Look at it."


def test_errors_come_first_and_hide_warnings():
    both = report("is bad", "is worse", warnings=["is odd"])
    assert not both.valid
    assert both.sentence() == "2 errors: a.txt: is bad. Mend it. a.txt: is worse. Mend it."
    assert [finding.severity for finding in both.findings] == ["error", "error", "warning"]


def test_many_findings_of_a_kind_are_kept_short_but_counted():
    findings = Findings()
    for index in range(1000):
        findings.error("unreadable", f"{index}.png", "is truncated", "Replace it.")
    found = findings.all()
    assert len(found) == 20
    assert sum(finding.count for finding in found) == 1000
    assert "(and 980 more like it)" in found[-1].sentence()
    assert DatasetReport(findings=found).sentence().startswith("1000 errors: 0.png: is truncated.")


@given(
    st.lists(
        st.builds(Finding, severity=st.just("error"), file=st.text(), message=st.text(), remedy=st.text())
    )
)
def test_the_sentence_is_always_short(found):
    assert len(DatasetReport(findings=tuple(found)).sentence()) < 900


def test_one_giant_finding_is_cut():
    sentence = report("x" * 5000).sentence()
    assert 800 < len(sentence) < 900
    assert "..." in sentence


def test_a_report_survives_json():
    before = report("is bad", warnings=["is odd"]).model_copy(update={"counts": {"images": {"train": 3}}})
    assert DatasetReport.model_validate_json(before.model_dump_json()) == before
