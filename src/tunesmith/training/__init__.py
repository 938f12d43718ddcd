"""What runs inside a job's process. Nothing here knows the server or where it runs."""

import os

# torch's threads wait for each other many times a step. By default they wait busily for milliseconds, and
# where a data loader, another job or the server wants the same core, a step takes ten times as long. A
# short spin is as fast on an idle machine. The library reads this when torch is loaded: it must stand here.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
