from tunesmith.specs.paths import value_at, with_defaults, with_values

SPEC = {"model": {"backbone": {"type": "resnet18", "freeze": True}}, "train": {"epochs": 3}}


def test_values_are_put_into_a_copy():
    changed = with_values(SPEC, {"model.backbone.type": "resnet50", "dataset.img_size": 160})
    assert changed == {
        "model": {"backbone": {"type": "resnet50", "freeze": True}},
        "train": {"epochs": 3},
        "dataset": {"img_size": 160},
    }
    assert SPEC["model"] == {"backbone": {"type": "resnet18", "freeze": True}}


def test_values_are_found():
    assert value_at(SPEC, "model.backbone.type") == "resnet18"
    assert value_at(SPEC, "model.backbone.type.deeper") is None
    assert value_at({"model": None}, "model.backbone", "nothing") == "nothing"


def test_what_is_given_is_kept_even_if_it_is_wrong():
    defaults = {"model.backbone.type": "resnet50", "train.seed": 7, "model.head.size": 2}
    assert with_defaults(SPEC, defaults) == {
        "model": {"backbone": {"type": "resnet18", "freeze": True}, "head": {"size": 2}},
        "train": {"epochs": 3, "seed": 7},
    }
    assert with_defaults({"model": 3, "train": None}, defaults) == {"model": 3, "train": None}
