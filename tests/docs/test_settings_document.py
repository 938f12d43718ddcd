"""docs/settings.md lists every setting of the server, as it is."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tunesmith.client.commands import login
from tunesmith.server.kit.settings import Settings

DOCUMENT = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(TUNESMITH_[A-Z_]+)` \| (.*) \|$", DOCUMENT, re.MULTILINE))


def default_of(field: FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "`~/.local/share/tunesmith`"
    return f"`{field.default}`" if field.default not in (None, ()) else "unset"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_is_documented_with_its_default_and_meaning(name: str) -> None:
    field = Settings.model_fields[name]
    assert ROWS[f"TUNESMITH_{name.upper()}"] == f"{default_of(field)} | {field.description}"


def test_nothing_is_documented_that_is_no_setting() -> None:
    ours = {f"TUNESMITH_{name.upper()}" for name in Settings.model_fields}
    theirs = set(
        re.findall(r'envvar="(TUNESMITH_[A-Z_]+)"', Path(login.__file__).read_text(encoding="utf-8"))
    )
    assert set(ROWS) == ours | theirs


def test_the_environment_sets_what_the_document_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    values: dict[str, Any] = {"PORT": "1234", "DATA_DIR": "~/data", "WORKSPACE_ROOTS": f"{tmp_path}:/b"}
    for name, value in values.items():
        monkeypatch.setenv(f"TUNESMITH_{name}", value)
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = Settings()
    assert settings.port == 1234
    assert settings.data_dir == tmp_path / "data"
    assert settings.roots == (tmp_path.resolve(), Path("/b"))
    assert Settings(port=5).port == 5
