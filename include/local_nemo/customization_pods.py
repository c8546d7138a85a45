"""Where the pods of a training may run, in the words of Kubernetes; kept and shown, without an effect here."""

from typing import Literal

from pydantic import Field

from include.local_nemo.parts import Part


class Requirement(Part):
    """What a label must be like."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    values: list[str] | None = None


class Term(Part):
    """Requirements that hold together."""

    match_expressions: list[Requirement] | None = Field(None, alias="matchExpressions")


class PreferredTerm(Part):
    """A term that counts."""

    preference: Term
    weight: int


class NodeSelector(Part):
    """Terms of which one must hold."""

    node_selector_terms: list[Term] = Field(alias="nodeSelectorTerms")


class NodeAffinity(Part):
    """On which nodes."""

    preferred: list[PreferredTerm] | None = Field(
        None, alias="preferredDuringSchedulingIgnoredDuringExecution"
    )
    required: NodeSelector | None = Field(None, alias="requiredDuringSchedulingIgnoredDuringExecution")


class Toleration(Part):
    """Which taint is tolerated."""

    effect: str | None = None
    key: str | None = None
    operator: str | None = None
    toleration_seconds: int | None = Field(None, alias="tolerationSeconds")
    value: str | None = None


class PodSpec(Part):
    """The part of a pod's specification that a config may set."""

    annotations: dict[str, str] | None = None
    node_affinity: NodeAffinity | None = None
    node_selectors: dict[str, str] | None = None
    tolerations: list[Toleration] | None = None
