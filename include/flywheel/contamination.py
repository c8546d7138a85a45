"""The last look before anything is uploaded: does training hold something that is evaluated, now or ever before?

Asked of what was written, and not of the decisions that should have kept it clean.
"""

from typing import NamedTuple

import numpy as np
from pydantic import BaseModel

from include.flywheel.errors import RecordError
from include.flywheel.near import Told, near_any
from include.flywheel.registry import EvalSet


class ContaminationCheck(BaseModel):
    """What was compared: training (validation included) against every eval set ever used. All three shares are 0."""

    train_conversations: int
    train_prompts: int
    eval_conversations: int
    eval_prompts: int
    shared_conversations: int = 0
    shared_prompts: int = 0
    near_conversations: int = 0


class Trained(NamedTuple):
    """What is trained on: hashes of conversations (uint64) and of prompts (`prompt_keys`, shape (records, 2)).

    `told` is what the conversations of the window say, `positions` where those trained on are among them.
    """

    conversations: np.ndarray
    prompts: np.ndarray
    told: Told
    positions: np.ndarray


def check_contamination(
    trained: Trained, evaluated: EvalSet, told: Told, threshold: float | None
) -> ContaminationCheck:
    """Compare what is trained on with all that is or was evaluated, which `told` says.

    `threshold` None leaves near-duplicates out. Raises RecordError with the counts when they share a conversation or a
    prompt, or are nearly the same.
    """
    near = 0
    if threshold is not None:
        # Asked of all, as picking the trained ones would copy what they say.
        near = int(near_any(trained.told, told, threshold)[trained.positions].sum())
    check = ContaminationCheck(
        train_conversations=len(trained.conversations),
        train_prompts=len(np.unique(trained.prompts[:, 0])),
        eval_conversations=len(np.unique(evaluated.conversations)),
        eval_prompts=len(np.unique(evaluated.prompts)),
        shared_conversations=len(np.intersect1d(trained.conversations, evaluated.conversations)),
        shared_prompts=len(np.intersect1d(trained.prompts, evaluated.prompts)),
        near_conversations=near,
    )
    if check.shared_conversations or check.shared_prompts or check.near_conversations:
        raise RecordError(
            f"the training set is contaminated: it shares {check.shared_conversations} conversation(s) and "
            f"{check.shared_prompts} prompt(s) with what is or was evaluated, and {check.near_conversations} of its "
            "conversations say nearly the same. Nothing was uploaded. This is a mistake of the program: keep the run's "
            "folder and report it"
        )
    return check
