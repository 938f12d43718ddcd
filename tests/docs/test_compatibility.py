"""docs/compatibility.md names a test for everything that clients may want."""

from tests.docs import shown


def test_everything_is_shown_by_a_test_and_the_page_names_it():
    found = shown.collect()
    wanted = {*shown.published(), *shown.BESIDE, *shown.formats()}
    assert wanted - set(found) == set(), "mark the test that shows it with @pytest.mark.shows"
    assert shown.page(found) == shown.PAGE.read_text(encoding="utf-8"), "write it: python -m tests.docs.shown"
