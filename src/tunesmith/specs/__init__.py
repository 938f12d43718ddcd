"""Network specs: what they are made of, how they are validated and how clients see them."""

from tunesmith.specs.actions import Action
from tunesmith.specs.block import Block
from tunesmith.specs.schema import action_schema, default_spec
from tunesmith.specs.validation import SpecError, SpecProblem, changed_inert_keys, validate_spec

__all__ = [
    "Action",
    "Block",
    "SpecError",
    "SpecProblem",
    "action_schema",
    "changed_inert_keys",
    "default_spec",
    "validate_spec",
]
