"""What runs inside a job's process. Nothing here knows the server or where it runs."""

import os

# torch's threads wait for each other many times a step. By default they wait busily, and where a data
# loader, another job or the server wants the same core, a step takes ten times as long. The library
# reads this when torch is loaded, so it must stand here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
