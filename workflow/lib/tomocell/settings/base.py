"""What every settings class shares: frozen, typed, unknown keys forbidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Iterator

# Put on a field (`json_schema_extra=NAMES_CLASSES`), it lets the study's check of class names find it.
NAMES_CLASSES: dict[str, Any] = {"names": "classes"}


class Frozen(BaseModel):
    """A section of settings that cannot change after it was read, and that refuses keys it does not know."""

    # Values of other types than numbers (a card's metrics) may still hold what is no number; it is written as such.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, ser_json_inf_nan="constants")

    def classes_named(self) -> set[str]:
        """Return every class that these settings mention."""
        named: set[str] = set()
        for name, field in type(self).model_fields.items():
            if field.json_schema_extra == NAMES_CLASSES:
                value = getattr(self, name)
                named.update([value] if isinstance(value, str) else value or ())
        return named


def inner_settings(annotation: Any) -> Iterator[type[Frozen]]:  # noqa: ANN401
    """Yield the sections that a field of this type may hold."""
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        yield annotation
    for argument in get_args(annotation):
        yield from inner_settings(argument)
