"""The parts of a model's description, as Entity Store, Evaluator and Deployment Management have it in common."""

from typing import Any, Literal

from include.local_nemo.parts import Described, Part, Precision

FinetuningType = Literal["lora", "lora_merged", "all_weights"]


class ModelSpec(Part):
    """What a model is."""

    context_size: int
    is_chat: bool
    num_parameters: int
    num_virtual_tokens: int


class Artifact(Part):
    """Where a model's files are."""

    files_url: str
    status: Literal["created", "upload_completed", "upload_failed"]
    backend_engine: Literal["nemo", "trt_llm", "vllm", "faster_transformer", "hugging_face"] | None = None
    gpu_arch: str | None = None
    precision: Precision | None = None
    tensor_parallelism: int | None = None


class Lora(Part):
    """How LoRA was applied."""

    alpha: int
    apply_lora_to_mlp: bool
    apply_lora_to_output: bool


class PTuning(Part):
    """The result of p-tuning."""

    token_embeddings: list[list[float]]


class Peft(Part):
    """How a model was fine-tuned."""

    finetuning_type: FinetuningType
    lora: Lora | None = None
    p_tuning: PTuning | None = None


class InferenceParams(Part):
    """How a model is asked."""

    max_tokens: int | None = None
    stop: list[str] | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None


class ReasoningParams(Part):
    """How a model reasons."""

    effort: str | None = None
    end_token: str | None = None
    include_if_not_finished: bool | None = None


class Prompt(Part):
    """What a model is told before anything else."""

    icl_few_shot_examples: str | None = None
    inference_params: InferenceParams | None = None
    reasoning_params: ReasoningParams | None = None
    system_prompt: str | None = None
    system_prompt_template: str | None = None


class GuardrailModel(Part):
    """A model that guards."""

    engine: str
    type: str


class GuardrailData(Part):
    """The configuration of guardrails; what is below its models is kept as it comes."""

    models: list[GuardrailModel]


class Guardrails(Described):
    """What guards a model."""

    data: GuardrailData | None = None
    files_url: str | None = None


class ApiEndpoint(Part):
    """Where a model answers."""

    url: str
    model_id: str
    api_key: str | None = None
    format: Literal["nim", "openai", "lama_stack"] | None = None


class ModelFields(Part):
    """The fields of a model besides those that anything has."""

    base_model: str | dict[str, Any] | None = None
    spec: ModelSpec | None = None
    artifact: Artifact | None = None
    peft: Peft | None = None
    prompt: Prompt | None = None
    api_endpoint: ApiEndpoint | None = None
    guardrails: Guardrails | None = None
    model_providers: list[str] | None = None


class InlineModel(ModelFields, Described):
    """A model inside something else, such as the target of an evaluation."""
