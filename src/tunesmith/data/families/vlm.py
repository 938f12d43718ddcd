"""Vision language models: conversations about images and videos, or these alone."""

from tunesmith.data.layout import ALL_INTENTS, ARCHIVE_SUFFIXES, Layout, Need
from tunesmith.data.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES, patterns
from tunesmith.data.types import DatasetFormat, DatasetType, Intent

_MEDIA = patterns(IMAGE_SUFFIXES | VIDEO_SUFFIXES)
_ARCHIVES = tuple(f"*{suffix}" for suffix in ARCHIVE_SUFFIXES)

LAYOUTS = (
    Layout(
        DatasetType.VLM,
        DatasetFormat.DEFAULT,
        ALL_INTENTS,
        needs=(Need(("dataset.yaml",)),),
        check="tunesmith.data.checks.vlm",
        optional=("*.json", "*.jsonl", *_MEDIA, *_ARCHIVES),
    ),
    Layout(
        DatasetType.VLM,
        DatasetFormat.RAW,
        (Intent.TESTING,),
        needs=(Need((*_MEDIA, *_ARCHIVES), called="an image, a video, or an archive of them"),),
        check="tunesmith.data.checks.media",
    ),
)
