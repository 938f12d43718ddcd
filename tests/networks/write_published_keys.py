"""Writes networks/published_keys.json from the published specs.

Run it from the project's folder: python -m tests.networks.write_published_keys.
"""

import json
from pathlib import Path

from tunesmith.networks import networks

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT / "tests" / "contract" / "specs"
TARGET = ROOT / "src" / "tunesmith" / "networks" / "published_keys.json"


def published_keys() -> dict[str, list[str]]:
    """The keys of every network that can be trained here."""
    return {
        arch: list(json.loads((CONTRACT / f"{arch}.json").read_text(encoding="utf-8"))["keys"])
        for arch in sorted(networks())
    }


if __name__ == "__main__":
    TARGET.write_text(json.dumps(published_keys(), indent=1) + "\n", encoding="utf-8")
