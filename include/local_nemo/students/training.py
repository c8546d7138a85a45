"""Training of a student on logged answers: the tool or kind of answer to give, the arguments, the words."""

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from include.local_nemo.students.adapter import Adapter
from include.local_nemo.students.arguments import ArgumentModel, training_choices
from include.local_nemo.students.catalogue import StudentSpec
from include.local_nemo.students.conversation import with_calls
from include.local_nemo.students.lessons import END, Lesson, add_endings, hold_out, name_kinds, read_lesson
from include.local_nemo.students.linear import Features, LinearTrainer
from include.local_nemo.students.memory import build_memory
from include.local_nemo.students.phrasing import STYLE_ROWS, choose_style
from include.local_nemo.students.ranker import RankerTrainer
from include.local_nemo.students.slots import learn_slots

REFERENCE_RATE = 1e-4
"""The learning rate, usual for low-rank adaptation of language models, that stands for the students' own."""
CHOICE_RATE = 0.2
RANKER_RATE = 0.1
DECAY = 2e-4
UPDATES_PER_STEP = 2
MIN_UPDATES = 900
MAX_UPDATES_PER_STEP = 64
AVERAGES = 24
RARE_FEATURES_FROM = 200
"""With at least this many rows a feature met once is left out: it can only be learned by heart."""


class TrainingDataError(Exception):
    """Nothing can be learned from the training file; says why."""


class TrainingDiverged(Exception):  # noqa: N818
    """The training has left the range of numbers; nothing can be learned at this rate."""


class TrainingCancelled(Exception):  # noqa: N818 - an order that was followed, no error
    """The caller asked to stop."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training stands after a step; steps and epochs are counted from 1.

    `train_loss` is the cross-entropy of the step's batch before the update; `val_loss` that of all validation
    rows, at the last step of each epoch, else None.
    """

    step: int
    steps_per_epoch: int
    epoch: int
    epochs: int
    train_loss: float | None
    val_loss: float | None


def train(
    spec: StudentSpec,
    train_rows: Iterable[dict[str, Any]],
    validation_rows: Iterable[dict[str, Any]],
    hyperparameters: Mapping[str, Any],
    on_progress: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> Adapter:
    """Train a student on rows whose last message is the answer to learn.

    A row is `{"messages": [..., {"role": "assistant", "content" | "tool_calls"}], "tools"?}`; rows without an
    answer are skipped, and without validation rows every tenth training row is held out. `epochs` (1),
    `batch_size` (16), `learning_rate` (1e-4), `weight_decay` (0) and `seed` (0) are read from `hyperparameters`.

    The rate is relative: at 1e-4 the students learn at their own base rates (0.2 for Adagrad on the choice of
    tool, 0.1 for averaged SGD on the arguments), at 2e-4 twice as fast. These models are far smaller than those
    that the usual values are meant for, so a step makes several updates: one on its batch, then replays of
    batches in random order (every other one for the choice of tool alone), 2 in all or as many as make 900 in
    the whole run, at most 64 a step. There are epochs × ceil(rows / batch_size) steps, and `on_progress` is
    called after each.

    Raises:
        TrainingDataError: no row has an answer.
        TrainingDiverged: a loss or a weight is no longer a number that an adapter can hold.
        TrainingCancelled: `cancelled()` was true at a row or before a step.
    """
    known = list(_read(train_rows, spec, cancelled))
    held = list(_read(validation_rows, spec, cancelled))
    if not known:
        raise TrainingDataError("no row of the training file ends with an answer of the assistant")
    if not held:
        known, held = hold_out(known)
    return _Training(spec, known, held, hyperparameters).run(on_progress, cancelled)


def _read(
    rows: Iterable[dict[str, Any]], spec: StudentSpec, cancelled: Callable[[], bool]
) -> Iterator[Lesson]:
    for row in rows:
        if cancelled():
            raise TrainingCancelled
        lesson = read_lesson(row, spec)
        if lesson is not None:
            yield lesson


class _Training:
    """One run: the lessons and the trainers of the student's parts."""

    def __init__(
        self, spec: StudentSpec, known: list[Lesson], held: list[Lesson], hyperparameters: Mapping[str, Any]
    ) -> None:
        self.spec = spec
        self.lessons = known
        self.held_texts = [lesson for lesson in held if not lesson.calls]
        self.epochs = max(1, int(hyperparameters.get("epochs") or 1))
        self.batch_size = max(1, int(hyperparameters.get("batch_size") or 16))
        self.learning_rate = float(hyperparameters.get("learning_rate") or REFERENCE_RATE)
        self.seed = int(hyperparameters.get("seed") or 0)
        self.order = np.random.default_rng(self.seed)
        pace = self.learning_rate / REFERENCE_RATE
        decay = DECAY * (1 + float(hyperparameters.get("weight_decay") or 0.0))
        self.kinds = name_kinds(known, held, self.seed)
        self._learn_arguments(pace)
        self._learn_choice(held, pace, decay)

    def _learn_arguments(self, pace: float) -> None:
        slots = learn_slots((lesson.conversation, lesson.calls) for lesson in self.lessons)
        self.arguments = ArgumentModel(self.spec, slots)
        self.ranker = RankerTrainer(self.arguments.bits, RANKER_RATE * pace, self.seed)
        draw = random.Random(self.seed)
        for lesson in self.lessons:
            for done, call in enumerate(lesson.calls):
                state = with_calls(lesson.conversation, lesson.calls[:done])
                lesson.choices.extend(training_choices(self.arguments, state, call, draw))

    def _learn_choice(self, held: list[Lesson], pace: float, decay: float) -> None:
        parallel = any(len(lesson.calls) > 1 for lesson in self.lessons)
        classes = sorted({label for lesson in self.lessons for label in lesson.labels})
        if parallel:
            add_endings([*self.lessons, *held], self.spec)
            classes.append(END)
        numbers = {name: number for number, name in enumerate(classes)}
        examples: list[Features] = []
        labels: list[int] = []
        self.decisions: list[range] = []
        for lesson in self.lessons:
            first = len(examples)
            for state, label in zip(lesson.states, lesson.labels, strict=True):
                examples.append(state)
                labels.append(numbers[label])
            self.decisions.append(range(first, len(examples)))
        pairs = [
            (state, numbers.get(label, -1))
            for lesson in held
            for state, label in zip(lesson.states, lesson.labels, strict=True)
        ]
        self.held = [state for state, _ in pairs], [number for _, number in pairs]
        rare = 2 if len(self.lessons) >= RARE_FEATURES_FROM else 1
        self.choice = LinearTrainer(examples, labels, classes, CHOICE_RATE * pace, decay, min_count=rare)

    # An overflow shows in the losses and weights, and ends the training there.
    @np.errstate(over="ignore", invalid="ignore")
    def run(self, on_progress: Callable[[Progress], None], cancelled: Callable[[], bool]) -> Adapter:
        rows = len(self.lessons)
        steps_per_epoch = math.ceil(rows / self.batch_size)
        total = steps_per_epoch * self.epochs
        updates = min(MAX_UPDATES_PER_STEP, max(UPDATES_PER_STEP, math.ceil(MIN_UPDATES / total)))
        average_every = max(1, total // (2 * AVERAGES))
        replays = self._replays()
        train_loss, val_loss = 0.0, None
        for step in range(1, total + 1):
            if cancelled():
                raise TrainingCancelled
            place = (step - 1) % steps_per_epoch
            if place == 0:
                order = self.order.permutation(rows).tolist()
            try:
                train_loss = self._update(order[place * self.batch_size : (place + 1) * self.batch_size])
                for replay in range(1, updates):
                    self._update(next(replays), arguments=replay % 2 == 0)
            except FloatingPointError:
                raise self._diverged(step) from None
            if (2 * step >= total and step % average_every == 0) or step == total:
                self.choice.take_average()
            ends_epoch = place + 1 == steps_per_epoch
            val_loss = self._validate() if ends_epoch else None
            if not math.isfinite(train_loss) or not math.isfinite(val_loss or 0.0):
                raise self._diverged(step)
            epoch = 1 + (step - 1) // steps_per_epoch
            on_progress(Progress(step, steps_per_epoch, epoch, self.epochs, train_loss, val_loss))
        adapter = self._adapter(train_loss, val_loss)
        if not adapter.is_finite():
            raise self._diverged(total)
        return adapter

    def _replays(self) -> Iterator[list[int]]:
        while True:
            order = self.order.permutation(len(self.lessons)).tolist()
            for first in range(0, len(order), self.batch_size):
                yield order[first : first + self.batch_size]

    def _update(self, batch: list[int], arguments: bool = True) -> float:
        if arguments:
            self.ranker.step([choice for row in batch for choice in self.lessons[row].choices])
        return self.choice.step(
            np.asarray([number for row in batch for number in self.decisions[row]], np.int64)
        )

    def _validate(self) -> float | None:
        return self.choice.loss(*self.held) if self.held[0] else None

    def _diverged(self, step: int) -> TrainingDiverged:
        return TrainingDiverged(
            f"the training diverged at step {step}: choose a learning rate below {self.learning_rate:g}"
        )

    def _adapter(self, train_loss: float, val_loss: float | None) -> Adapter:
        self.arguments.weights = self.ranker.weights()
        texts = [lesson for lesson in self.lessons if not lesson.calls]
        memory = build_memory(
            [lesson.template for lesson in texts],
            np.asarray(self.kinds, np.int32),
            [lesson.states[0] for lesson in texts],
        )
        model = self.choice.model()
        choose_style(memory, model, self.spec, self.held_texts[:STYLE_ROWS])
        record = {
            "rows": len(self.lessons),
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "seed": self.seed,
            "train_loss": train_loss,
            "val_loss": val_loss,
        }
        return Adapter(self.spec.name, model, self.arguments, memory, record)
