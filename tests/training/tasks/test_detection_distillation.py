"""A detector learns from another: every comparison brings it nearer, and an equal is no distance away."""

from importlib import import_module

import pytest
import torch
from tests.training.boxes import SMALL
from tests.training.jobs import nested

from tunesmith.networks import get_network
from tunesmith.networks.detection import Distilling
from tunesmith.networks.layers.detector import Predictions, Target, Teachable
from tunesmith.specs import SpecError, validate_spec
from tunesmith.training.tasks.detection.batches import DetectionBatch
from tunesmith.training.tasks.detection.distillation import (
    Distillation,
    _shared_places,
    begin_as,
    renormalised,
)
from tunesmith.training.tasks.detection.training import DetectionTraining
from tunesmith.training.tasks.image_format import ImageFormat

FORM = ImageFormat(64, 64, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
NETWORKS = ["rtdetr", "dino"]


def model_of(network: str, seed: int, **changes) -> Teachable:
    torch.manual_seed(seed)
    keys = SMALL[network] | {f"model.{key}": value for key, value in changes.items()}
    known = get_network(network)
    model: Teachable = import_module(known.model).build(validate_spec(known.spec, nested(keys)), 2)
    return model


def confident(model: Teachable) -> Teachable:
    """A teacher that finds something at once."""
    heads = [part for name, part in model.named_modules() if "class_embed" in name or "score_head" in name]
    with torch.no_grad():
        for head in heads:
            if isinstance(head, torch.nn.Linear):
                head.bias.fill_(0.0)
    return model


def batch() -> DetectionBatch:
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) + 0.1
    boxes = torch.tensor([[[0.5, 0.5, 0.3, 0.3]], [[0.4, 0.6, 0.2, 0.4]]])
    frames = torch.full((2, 2), 64.0)
    return DetectionBatch(images, boxes, torch.tensor([[0], [1]]), frames, torch.arange(2))


def taught_by(teacher: Teachable, student: Teachable, kind: str) -> Distillation:
    teacher.eval().requires_grad_(False)
    return Distillation(
        DetectionTraining(student, FORM), teacher, lambda images: images, Distilling(kind, 1.0)
    )


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("kind", ["KL", "CE", "L1", "L2", "FD", "CS"])
def test_every_comparison_brings_the_student_nearer(network, kind):
    training = taught_by(confident(model_of(network, 1)), model_of(network, 2, hidden_dim=32), kind).train()
    assert bool(list(training.bridges.parameters())) == (kind in ("FD", "CS"))
    optimizer = torch.optim.Adam(training.parameters(), lr=2e-3)
    apart = []
    for _ in range(8):
        found = training(batch())
        apart.append(found["teacher"].item())
        optimizer.zero_grad()
        found["teacher"].backward()
        optimizer.step()
    assert apart[-1] < apart[0]
    assert found["loss"].item() > found["teacher"].item()


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("kind", ["KL", "L1", "L2", "FD", "CS"])
def test_an_equal_is_no_distance_away(network, kind):
    teacher = confident(model_of(network, 1))
    training = taught_by(teacher, confident(model_of(network, 1)), kind).eval()
    assert training(batch())["teacher"].item() == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_teacher_that_finds_nothing_says_nothing(network):
    teacher = model_of(network, 1)
    with torch.no_grad():
        for name, weight in teacher.named_parameters():
            if ("class_embed" in name or "score_head" in name) and name.endswith("bias"):
                weight.fill_(-20.0)
    training = taught_by(teacher, model_of(network, 2), "KL").train()
    found = training(batch())
    assert found["teacher"].item() == 0
    found["loss"].backward()


def test_an_object_that_a_teacher_finds_often_is_asked_for_once():
    training = taught_by(model_of("rtdetr", 1), model_of("rtdetr", 2), "KL")
    boxes = torch.tensor([[[0.5, 0.5, 0.2, 0.2], [0.52, 0.5, 0.2, 0.2], [0.1, 0.1, 0.2, 0.2]]])
    twice = Predictions(torch.tensor([[[2.0, -9.0], [1.0, -9.0], [-9.0, -9.0]]]), boxes)
    once = Predictions(torch.tensor([[[-9.0, -9.0], [-9.0, -9.0], [2.0, -9.0]]]), boxes[:, [2, 1, 0]])
    objects: list[Target] = [{"boxes": boxes[0, :1], "class_labels": torch.tensor([0])}]
    assert training._found_apart(once, twice, objects).item() == pytest.approx(0.0, abs=1e-4)
    moved = once._replace(boxes=once.boxes + 0.1)
    assert training._found_apart(moved, twice, objects).item() > 1
    # Candidates that are too few for the objects answer for those that they have.
    few = Predictions(once.logits[:, 2:], once.boxes[:, 2:])
    both: list[Target] = [{"boxes": boxes[0, [2, 0]], "class_labels": torch.tensor([0, 0])}]
    assert training._found_apart(few, twice, both).item() == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("network", NETWORKS)
def test_places_are_compared_on_the_maps_that_both_have(network):
    three = {"num_feature_levels": 3, "return_interm_indices": [1, 2, 3]}
    teacher, student = model_of(network, 1), model_of(network, 1, **three)
    images = batch().images
    its, mine = (model.eval().look(images) for model in (teacher, student))
    finest = 8 * 8 + 4 * 4 + 2 * 2
    assert _shared_places(mine.features, its.features) == finest
    assert mine.places is not None
    assert mine.places.shape == (2, finest, 2)
    assert _shared_places(mine.features[1:], its.features) == 0
    training = taught_by(confident(teacher), student, "KL")
    sure = its._replace(places=torch.full((2, 100, 2), 1.0))
    assert training._placed_apart(mine, sure).item() > 0
    assert training._placed_apart(mine._replace(places=None), sure).item() == 0


def test_features_of_other_maps_are_refused():
    teacher, student = model_of("dino", 1), model_of("dino", 1, num_feature_levels=5)
    with pytest.raises(
        SpecError, match="must be KL, CE, L1 or L2 where student and teacher have not as many"
    ):
        taught_by(teacher, student, "FD")


def test_a_teachers_images_are_normalised_as_it_learnt_them():
    other = ImageFormat(64, 64, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    images = batch().images
    images[0, :, 40:] = 0
    found = renormalised(FORM, other)(images)
    wanted = (images[1] - torch.tensor(other.mean).view(-1, 1, 1)) / torch.tensor(other.std).view(-1, 1, 1)
    torch.testing.assert_close(found[1], wanted)
    assert (found[0, :, 40:] == 0).all()
    assert renormalised(FORM, FORM)(images) is images


def test_weights_of_the_teacher_are_taken_where_they_fit():
    teacher, student = model_of("rtdetr", 1), model_of("rtdetr", 2, num_queries=20)
    count = begin_as(student, teacher, ("net.decoder.",))
    fitting = [name for name in teacher.state_dict() if name.startswith("net.decoder.")]
    assert count == len(fitting)
    for name in fitting:
        assert torch.equal(student.state_dict()[name], teacher.state_dict()[name])
