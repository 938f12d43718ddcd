"""What grounded detection learns from: ODVG's boxes, phrases and masks, and datasets of other classes."""

import numpy as np
import pytest
import torch
from tests.training.boxes import COCO, SIZE, write_boxed_scenes
from tests.training.jobs import Bench
from tests.training.words import write_worded_scenes

from tunesmith.networks.detection import Inputs, Resize
from tunesmith.protocol import DatasetInput
from tunesmith.training.optimize.graphs import packed, unpacked
from tunesmith.training.run import Run
from tunesmith.training.tasks.detection.batches import MASK_STRIDE, DetectionSource, Images
from tunesmith.training.tasks.detection.samples import open_annotated
from tunesmith.training.tasks.grounding.samples import grounded_samples

ODVG = "object_detection odvg"


@pytest.fixture(scope="module")
def datasets(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> dict[str, DatasetInput]:
    folder = tmp_path_factory.mktemp("grounded")
    write_boxed_scenes(folder / "boxes", 6)
    write_worded_scenes(folder / "words", 6)
    write_worded_scenes(folder / "captions", 6, captions=True)
    write_worded_scenes(folder / "masks", 6, masks=True)
    kinds = {"boxes": COCO, "words": ODVG, "captions": ODVG, "masks": "segmentation odvg"}
    return {name: bench.dataset(folder / name, f"grounded-{name}", kind) for name, kind in kinds.items()}


def job(bench: Bench, **request) -> Run:
    return bench.prepare("train", {}, network="grounding_dino", **request)


def test_both_formats_tell_the_same(bench, datasets):
    run = job(bench)
    coco, odvg = (open_annotated(run, datasets[name]) for name in ("boxes", "words"))
    assert odvg.classes == coco.classes == ("zero", "one")
    assert odvg.category_ids == coco.category_ids
    for one, other in zip(coco.samples(), odvg.samples(), strict=True):
        assert one.name == other.name
        assert one.size() == other.size() == (SIZE, SIZE)
        np.testing.assert_allclose(other.objects().boxes, one.objects().boxes)
        assert other.objects().labels.tolist() == one.objects().labels.tolist()


@pytest.mark.parametrize("name", ["boxes", "words"])
def test_labels_are_those_of_the_job(bench, datasets, name):
    opened = open_annotated(job(bench), datasets[name])
    turned = opened.numbered(("one", "two", "zero"))
    for one, other in zip(opened.samples(), turned.samples(), strict=True):
        assert other.objects().labels.tolist() == [(2, 0)[label] for label in one.objects().labels]


def test_captions_name_their_objects(bench, datasets):
    opened = open_annotated(job(bench), datasets["captions"])
    assert opened.classes == ()
    known = open_annotated(job(bench), datasets["words"]).samples()
    for sample, told in zip(opened.samples(), known, strict=True):
        objects = sample.objects()
        assert objects.caption is not None
        named = [objects.caption.phrases[label] for label in objects.labels]
        words = [objects.caption.text[start:stop] for ((start, stop),) in named]
        assert words == [("zero", "one")[label] for label in told.objects().labels]


def test_images_with_captions_are_learnt_from_alone(bench, datasets):
    train = (datasets["words"], datasets["captions"])
    found = grounded_samples(job(bench, train_datasets=train), 1)
    assert found.classes == ("zero", "one")
    assert (len(found.train), len(found.validation)) == (11, 1)
    assert not any(sample.objects().caption for sample in found.validation)


def test_a_batch_has_captions_and_masks_of_its_objects(bench, datasets):
    plain = Inputs(training=(), evaluation=Resize(SIZE, SIZE))
    captioned = open_annotated(job(bench), datasets["captions"]).samples()
    batch = DetectionSource(Images(captioned), plain).fetch([0, 1])
    assert [one.text for one in batch.captions if one] == [
        caption.text for sample in captioned[:2] if (caption := sample.objects().caption)
    ]
    masked = open_annotated(job(bench), datasets["masks"], masks=True).samples()
    batch = DetectionSource(Images(masked), plain, masks=True).fetch([0, 1])
    assert batch.masks is not None
    assert batch.masks.shape[2:] == (SIZE // MASK_STRIDE, SIZE // MASK_STRIDE)
    for target, sample in zip(batch.targets(), masked, strict=False):
        shares = [mask.mean() for mask in sample.masks() if mask is not None]
        np.testing.assert_allclose(target["masks"].mean(dim=(1, 2)), shares, atol=0.02)


def test_companions_of_a_graph_survive_its_metadata():
    values = {"ids": torch.tensor([[1, 2]]), "mask": torch.eye(3, dtype=torch.bool)[None]}
    found = unpacked(packed(values))
    assert found.keys() == values.keys()
    assert all(torch.equal(found[name], value) for name, value in values.items())
    assert packed({}) == unpacked({}) == {}
