"""The section `privacy` of the configuration file."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, Field, field_validator

from include.flywheel.config_types import Section
from include.flywheel.privacy.custom import compiled

Entity = Literal["person", "email", "phone", "card", "iban", "national_id", "address", "ip"]

_DEFAULT_ENTITIES: tuple[Entity, ...] = (
    "person",
    "email",
    "phone",
    "card",
    "iban",
    "national_id",
    "address",
)


class CustomPattern(Section):
    """A pattern of the user's own, in the syntax of RE2; its matches become `<NAME_1>`."""

    name: str = Field(pattern="^[a-z][a-z0-9_]{0,30}$")
    pattern: str

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        compiled(value)
        return value


class PrivacyConfig(Section):
    """Ours: what happens to personal data before anything is uploaded.

    `report` counts what `replace` would replace. `regions` are two-letter country codes: where phone numbers written
    without a country are looked for. `keep` lists values that are nobody's, such as the address of the support desk.
    """

    mode: Literal["off", "report", "replace"] = "off"
    entities: tuple[Entity, ...] = _DEFAULT_ENTITIES
    regions: tuple[str, ...] = ("US", "GB")
    keep: tuple[str, ...] = ()
    custom: tuple[CustomPattern, ...] = ()

    @field_validator("regions")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from phonenumbers import SUPPORTED_REGIONS

        for region in value:
            if region not in SUPPORTED_REGIONS:
                raise ValueError(
                    f"names {region!r}, no country code. Use two capital letters, such as US or DE"
                )
        return value

    @field_validator("custom")
    @classmethod
    def _distinct(cls, value: tuple[CustomPattern, ...]) -> tuple[CustomPattern, ...]:
        names = [pattern.name for pattern in value]
        taken = {"person", "email", "phone", "card", "iban", "national_id", "address", "ip"}
        for name in names:
            if name in taken or names.count(name) > 1:
                raise ValueError(f"uses the name {name} that is taken. Give each pattern a name of its own")
        return value


class PrivacySummary(BaseModel):
    """What was found: `found` counts distinct values by kind, each once per record that holds it; never the values.

    `records` are those that hold any. A name counts as its parts.
    """

    mode: Literal["off", "report", "replace"] = "off"
    records: int = 0
    found: dict[str, int] = Field(default_factory=dict)

    def count(self, personal: Mapping[str, int]) -> None:
        """Add what one record held, by kind."""
        self.records += bool(personal)
        for kind, values in personal.items():
            self.found[kind] = self.found.get(kind, 0) + values

    def add(self, other: "PrivacySummary") -> None:
        """Add what another part of the export held."""
        self.records += other.records
        for kind, values in other.found.items():
            self.found[kind] = self.found.get(kind, 0) + values
