"""How the types of settings are declared: each field once, with its kind and its description.

In place of dataclasses, which would take half of what reading a gaffer.yaml may cost.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from typing_extensions import dataclass_transform

    from .kinds import Kind
else:

    def dataclass_transform(**_settings):
        return lambda cls: cls


_REQUIRED = object()


class Field:
    """One setting: what may be said (`kind`, None: not in the file), what it means, its default.

    `unsaid` is the default in words, where the value itself doesn't tell. `is_aside`: two are equal
    whatever they have here.
    """

    __slots__ = ("default", "description", "is_aside", "kind", "unsaid")

    def __init__(
        self,
        kind: Kind | None,
        description: str,
        default: object,
        unsaid: str | None,
        is_aside: bool,
    ) -> None:
        self.kind = kind
        self.description = description
        self.default = default
        self.unsaid = unsaid
        self.is_aside = is_aside

    @property
    def is_required(self) -> bool:
        return self.default is _REQUIRED


def setting(
    kind: Kind | None,
    description: str,
    *,
    default: Any = _REQUIRED,
    unsaid: str | None = None,
    is_aside: bool = False,
) -> Any:
    """Declares a field, as the value of an annotated name in a subclass of Settings."""
    return Field(kind, description, default, unsaid, is_aside)


@dataclass_transform(frozen_default=True, field_specifiers=(setting,))
class Settings:
    """Settings that belong together. Immutable; equal if all fields are."""

    fields: ClassVar[dict[str, Field]] = {}

    def __init_subclass__(cls) -> None:
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Field)}
        cls.fields = {**cls.fields, **own}

    if not TYPE_CHECKING:  # the types of the arguments are those of the fields

        def __init__(self, *args, **named):
            fields = type(self).fields
            if len(args) > len(fields):
                raise TypeError(f"{type(self).__name__} takes {len(fields)} arguments at the most")
            given = dict(zip(fields, args, strict=False))
            if twice := given.keys() & named.keys():
                raise TypeError(f"{type(self).__name__} got {min(twice)} twice")
            given.update(named)
            if unknown := given.keys() - fields.keys():
                raise TypeError(f"{type(self).__name__} has no {min(unknown)}")
            values = {name: field.default for name, field in fields.items()}
            values.update(given)
            for name, value in values.items():
                if value is _REQUIRED:
                    raise TypeError(f"{type(self).__name__} needs {name}")
            vars(self).update(values)

        def __setattr__(self, name, value):
            raise AttributeError(f"{type(self).__name__} is immutable")

        def __delattr__(self, name):
            raise AttributeError(f"{type(self).__name__} is immutable")

    def said(self) -> dict[str, Any]:
        """The fields that aren't at their defaults, by name."""
        return {
            name: value
            for name, field in type(self).fields.items()
            if not field.is_aside
            and ((value := vars(self)[name]) != field.default or field.is_required)
        }

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(
            vars(self)[name] == vars(other)[name]
            for name, field in type(self).fields.items()
            if not field.is_aside
        )

    __hash__ = None  # type: ignore[assignment]  # there are mappings in some

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self.said().items())
        return f"{type(self).__name__}({said})"
