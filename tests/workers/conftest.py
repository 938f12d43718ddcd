import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.workers.yard import HERE, Yard


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    monkeypatch.setenv("PYTHONPATH", str(HERE), prepend=os.pathsep)
    yard = Yard(tmp_path)
    yield yard
    yard.close()
