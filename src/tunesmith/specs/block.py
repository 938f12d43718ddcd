"""The unit that specs are made of: a section of keys, some of them sections again."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

UNSET_PATH = "???"
"""What the API shows for a path that the service fills in by itself."""


@dataclass(frozen=True)
class Others:
    """Opens a choice to a larger catalogue of names: `Annotated[str, Others(names)] = choice(...)`.

    A name behind `prefix` is taken without looking, for catalogues that grow faster than this list.
    """

    names: Callable[[], Collection[str]]
    prefix: str

    def accept(self, value: object) -> bool:
        """Whether the value is in the larger catalogue."""
        return isinstance(value, str) and (value.startswith(self.prefix) or value in self.names())


def other_choices(field: FieldInfo) -> Others | None:
    """The larger catalogue of a choice, if it has one."""
    return next((item for item in field.metadata if isinstance(item, Others)), None)


def key_facts(field: FieldInfo) -> dict[str, Any]:
    """What `tunesmith.specs.fields` noted about a key beside its type and bounds."""
    extra = field.json_schema_extra
    return extra if isinstance(extra, dict) else {}


class Block(BaseModel):
    """A section of a spec. Unknown keys, wrong types and values out of bounds are errors.

    Nothing is coerced, but a whole number may be written where a fraction is expected.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="after")
    @classmethod
    def _is_a_choice(cls, value: Any, info: ValidationInfo) -> Any:
        """A key with choices takes one of them, or its default, which a client sends back unread."""
        field = cls.model_fields[info.field_name or ""]
        facts = key_facts(field)
        choices = facts.get("enum")
        if choices is None or value in choices or value == field.get_default():
            return value
        others = other_choices(field)
        if others is not None and others.accept(value):
            return value
        raise PydanticCustomError("choice", "is not one of the choices", {"choices": choices})

    @classmethod
    def sections(cls) -> dict[str, type["Block"]]:
        """The keys that are sections themselves."""
        return {
            name: field.annotation
            for name, field in cls.model_fields.items()
            if isinstance(field.annotation, type) and issubclass(field.annotation, Block)
        }

    @classmethod
    def leaves(cls, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
        """All keys that hold a value, by dotted path, in the order in which they are declared."""
        sections = cls.sections()
        for name, field in cls.model_fields.items():
            if name in sections:
                yield from sections[name].leaves(f"{prefix}{name}.")
            else:
                yield f"{prefix}{name}", field

    def value(self, path: str) -> Any:
        """The value at a dotted path."""
        found: Any = self
        for name in path.split("."):
            found = getattr(found, name)
        return found

    def replaced(self, path: str, value: Any) -> Self:
        """A copy with one value changed, not validated again."""
        name, _, rest = path.partition(".")
        inner = getattr(self, name).replaced(rest, value) if rest else value
        return self.model_copy(update={name: inner})
