"""The hyperparameters of a customization job."""

from typing import Literal

from pydantic import Field

from include.local_nemo.customization_configs import TrainingType
from include.local_nemo.model_parts import FinetuningType
from include.local_nemo.parts import Part
from include.local_nemo.wire import Document


class Lora(Part):
    """Parameters of LoRA."""

    adapter_dim: int | None = Field(None, ge=1)
    adapter_dropout: float | None = Field(None, ge=0, le=1)
    alpha: int | None = Field(None, ge=1)
    target_modules: list[str] | None = None


class Sft(Part):
    """Parameters of supervised fine-tuning."""

    attention_dropout: float | None = None
    hidden_dropout: float | None = None


class Dpo(Part):
    """Parameters of direct preference optimisation."""

    max_grad_norm: float | None = None
    preference_average_log_probs: bool | None = None
    preference_loss_weight: float | None = None
    ref_policy_kl_penalty: float | None = None
    sft_average_log_probs: bool | None = None
    sft_loss_weight: float | None = None


class Distillation(Part):
    """Parameters of knowledge distillation."""

    teacher: str


class Environment(Part):
    """What gives the rewards of GRPO."""

    name: (
        Literal[
            "mcqa",
            "workbench",
            "multiverse_math_hard",
            "library_judge_math",
            "instruction_following",
            "comp_coding",
        ]
        | None
    ) = None
    num_processes: int | None = None
    unit_test_timeout_secs: int | None = None
    judge_temperature: float | None = None
    judge_top_p: float | None = None
    should_use_judge: bool | None = None


class Grpo(Part):
    """Parameters of group relative policy optimisation."""

    environment: Environment
    generation_batch_size: int | None = None
    generation_pipeline_parallel_size: int | None = None
    generation_temperature: float | None = None
    generation_top_k: int | None = None
    generation_top_p: float | None = None
    logprob_chunk_size: int | None = None
    max_grad_norm: float | None = None
    normalize_rewards: bool | None = None
    num_generations_per_prompt: int | None = None
    num_prompts_per_step: int | None = None
    overlong_filtering: bool | None = None
    ratio_clip_c: float | None = None
    ratio_clip_max: float | None = None
    ratio_clip_min: float | None = None
    ref_policy_kl_penalty: float | None = None
    token_level_loss: bool | None = None
    use_importance_sampling_correction: bool | None = None
    use_on_policy_kl_approximation: bool | None = None
    use_rloo: bool | None = None


class Hyperparameters(Part):
    """How to train."""

    finetuning_type: FinetuningType
    training_type: TrainingType = "sft"
    batch_size: int | None = Field(None, ge=1)
    epochs: int | None = Field(None, ge=1)
    learning_rate: float | None = Field(None, gt=0)
    min_learning_rate: float | None = None
    log_every_n_steps: int | None = Field(None, ge=1)
    val_check_interval: float | None = Field(None, gt=0)
    max_steps: int | None = Field(None, ge=-1)  # -1 is how clients of NeMo say "no limit"
    warmup_steps: int | None = Field(None, ge=0)
    weight_decay: float | None = None
    adam_beta1: float | None = None
    adam_beta2: float | None = None
    seed: int | None = Field(None, ge=0)
    sequence_packing_enabled: bool | None = None
    optimizer: (
        Literal[
            "adam_with_cosine_annealing",
            "adam_with_flat_lr",
            "adamw_with_cosine_annealing",
            "adamw_with_flat_lr",
        ]
        | None
    ) = None
    lora: Lora | None = None
    sft: Sft | None = None
    dpo: Dpo | None = None
    distillation: Distillation | None = None
    grpo: Grpo | None = None


DEFAULTS: Document = {
    "training_type": "sft",
    "batch_size": 8,
    "epochs": 1,
    "learning_rate": 0.0001,
    "log_every_n_steps": 10,
    "sequence_packing_enabled": False,
}
UNUSED = (
    "max_steps",
    "val_check_interval",
    "warmup_steps",
    "min_learning_rate",
    "adam_beta1",
    "adam_beta2",
    "optimizer",
    "sequence_packing_enabled",
)
"""What the platform's models train without; a job that sets one of them says so in its warnings."""

LORA_DEFAULTS: Document = {"adapter_dim": 8, "adapter_dropout": None, "alpha": 16}


def completed(sent: Document) -> Document:
    """Return the hyperparameters with the service's defaults for what was not sent."""
    given = {name: value for name, value in sent.items() if value is not None}
    complete = {**DEFAULTS, **given}
    if complete["finetuning_type"].startswith("lora"):
        complete["lora"] = {**LORA_DEFAULTS, **(given.get("lora") or {})}
    return complete
