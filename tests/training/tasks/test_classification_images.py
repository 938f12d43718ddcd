"""Images as tensors: sizes, memory, normalisation."""

import pytest
import torch
from PIL import Image

from tunesmith.data.classification import Sample
from tunesmith.data.errors import DatasetError
from tunesmith.training.failures import StoppedError
from tunesmith.training.tasks import memory
from tunesmith.training.tasks.classification.images import ImageSource
from tunesmith.training.tasks.image_format import ImageFormat
from tunesmith.training.tasks.pixels import Pixels

FORM = ImageFormat(8, 12, (0.5, 0.5, 0.5), (0.25, 0.5, 1.0))


@pytest.fixture
def samples(tmp_path):
    found = []
    for index, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255)]):
        path = tmp_path / f"{index}.png"
        Image.new("RGB", (30, 20), colour).save(path)
        found.append(Sample(path, index if index < 2 else None, f"class/{index}.png"))
    return found


def test_images_are_scaled_and_normalised(samples):
    batch = ImageSource(Pixels(samples, FORM)).fetch([0, 2])
    assert batch.images.shape == (2, 3, 8, 12)
    assert batch.images[0, :, 0, 0].tolist() == pytest.approx([2.0, -1.0, -0.5])
    assert batch.labels.tolist() == [0, -1]
    assert batch.indices.tolist() == [0, 2]


def test_a_restored_image_is_the_picture_again(samples):
    batch = ImageSource(Pixels(samples, FORM)).fetch([1])
    assert FORM.restore(batch.images[0])[:, 0, 0].tolist() == pytest.approx([0.0, 1.0, 0.0])


def test_images_held_in_memory_are_the_same_and_need_no_file(samples):
    pixels = Pixels(samples, FORM)
    before = ImageSource(pixels).fetch([0, 1, 2])
    assert pixels.hold()
    for sample in samples:
        sample.path.unlink()
    source = ImageSource(pixels)
    after = source.fetch([0, 1, 2])
    assert torch.equal(before.images, after.images)
    assert source.cheap


def test_too_many_images_are_not_held(samples, monkeypatch):
    monkeypatch.setattr(memory, "MEMORY_LIMIT", 3 * 3 * 8 * 12 - 1)
    pixels = Pixels(samples, FORM)
    assert not pixels.hold()
    assert not ImageSource(pixels).cheap
    assert len(ImageSource(pixels).fetch([0, 1]).images) == 2


def test_loading_ends_at_a_stop(samples):
    def stop():
        raise StoppedError

    with pytest.raises(StoppedError):
        Pixels(samples, FORM).hold(stop)


def test_varied_images_are_worth_a_process_of_their_own(samples):
    pixels = Pixels(samples, FORM)
    pixels.hold()
    assert not ImageSource(pixels, vary=lambda image: image).cheap


def test_variation_leaves_the_held_images_alone(samples):
    pixels = Pixels(samples, FORM)
    pixels.hold()
    plain = ImageSource(pixels).fetch([0]).images
    ImageSource(pixels, vary=lambda image: image.fill_(0), spoil=lambda image: image.zero_()).fetch([0])
    assert torch.equal(ImageSource(pixels).fetch([0]).images, plain)


def test_an_unreadable_image_is_an_error_or_a_fault(samples):
    samples[1].path.write_bytes(b"no image")
    strict, tolerant = ImageSource(Pixels(samples, FORM)), ImageSource(Pixels(samples, FORM), tolerant=True)
    with pytest.raises(DatasetError, match=r"1\.png is not an image"):
        strict.fetch([0, 1])
    batch = tolerant.fetch([0, 1])
    assert batch.indices.tolist() == [0]
    assert [index for index, _ in batch.faults] == [1]
    assert tolerant.fetch([1]).images.shape == (0, 3, 8, 12)


def test_a_grey_format_weighs_colours_as_the_eye_does(samples):
    grey = ImageFormat(8, 12, (0.0,), (1.0,))
    batch = ImageSource(Pixels(samples, grey)).fetch([0, 1, 2])
    assert batch.images.shape == (3, 1, 8, 12)
    assert batch.images[:, 0, 0, 0].tolist() == pytest.approx([0.299, 0.587, 0.114], abs=0.01)
