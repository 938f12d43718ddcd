"""Children that wait for a job end without a trace."""

import os
import subprocess
import sys
from pathlib import Path

DISMISSED_WHILE_IT_REHEARSES = """
import tempfile, time
from pathlib import Path
from tunesmith.training.nursery import Nursery

nursery = Nursery(list)
nursery.add_spare()
deadline = time.monotonic() + 60
while not list(Path(tempfile.gettempdir()).glob("tunesmith-rehearsal-*")):
    assert time.monotonic() < deadline
nursery.dismiss_spare()
"""


def test_a_child_dismissed_while_it_rehearses_leaves_no_folder(tmp_path: Path):
    subprocess.run(
        [sys.executable, "-c", DISMISSED_WHILE_IT_REHEARSES],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        check=True,
    )
    assert list(tmp_path.glob("tunesmith*")) == []
