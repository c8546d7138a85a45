"""The same prompt with different answers: whatever a candidate says, it is right for one of them only."""

import numpy as np
from pydantic import BaseModel


class Conflicts(BaseModel):
    """How much the answers of equal prompts differ, over the kept records.

    `prompts` were answered in more than one way, `records` are theirs. `ceiling` is the highest share of records that
    any candidate can answer as they were answered: every prompt by its most frequent answer.
    """

    prompts: int = 0
    records: int = 0
    ceiling: float = 1.0


def conflicts_of(prompts: np.ndarray, answers: np.ndarray) -> Conflicts:
    """Count conflicting answers from hashes of the prompts and of the answers, shape (records,) each."""
    if not len(prompts):
        return Conflicts()
    order = np.lexsort((answers, prompts))
    prompt, answer = prompts[order], answers[order]
    new_prompt = np.r_[True, prompt[1:] != prompt[:-1]]
    new_answer = new_prompt | np.r_[True, answer[1:] != answer[:-1]]
    answer_counts = np.diff(np.r_[np.flatnonzero(new_answer), len(prompt)])
    prompt_starts = np.flatnonzero(new_prompt[new_answer])
    distinct = np.diff(np.r_[prompt_starts, len(answer_counts)])
    sizes = np.add.reduceat(answer_counts, prompt_starts)
    most = np.maximum.reduceat(answer_counts, prompt_starts)
    several = distinct > 1
    return Conflicts(
        prompts=int(several.sum()),
        records=int(sizes[several].sum()),
        ceiling=float(most.sum() / sizes.sum()),
    )
