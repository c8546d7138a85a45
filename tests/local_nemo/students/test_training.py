import json
import math

import pytest
import support_desk
from student_training import train_quietly

from include.local_nemo.students import (
    AdapterError,
    Student,
    TrainingCancelled,
    TrainingDataError,
    TrainingDiverged,
    catalogue,
    load_adapter,
    load_student,
    train,
)

MEDIUM = catalogue()["local/student-m"]


def progress_of(rows, validation=(), **hyperparameters):
    reports = []
    train(MEDIUM, rows, validation, hyperparameters, reports.append, lambda: False)
    return reports


def test_every_step_is_reported_and_losses_fall():
    rows = support_desk.rows(8, seed=1)
    assert len(rows) == 32
    reports = progress_of(rows, support_desk.rows(3, seed=2), epochs=3, batch_size=12)
    assert [report.step for report in reports] == list(range(1, 10))
    assert [report.epoch for report in reports] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert {(report.steps_per_epoch, report.epochs) for report in reports} == {(3, 3)}
    assert [report.step for report in reports if report.val_loss is not None] == [3, 6, 9]
    assert reports[0].train_loss > reports[-1].train_loss
    assert all(math.isfinite(report.train_loss) for report in reports)


def test_without_validation_rows_a_tenth_of_the_training_rows_is_held_out():
    reports = progress_of(support_desk.rows(10, seed=1), epochs=1, batch_size=4)
    assert len(reports) == math.ceil(36 / 4)
    assert reports[-1].val_loss is not None


def test_validation_loss_is_high_for_answers_unlike_the_training():
    rows = support_desk.rows(10, seed=1)
    shuffled = [
        {**row, "messages": [*row["messages"][:-1], other["messages"][-1]]}
        for row, other in zip(rows, rows[2:] + rows[:2], strict=True)
    ]
    right = progress_of(rows, support_desk.rows(5, seed=4))[-1].val_loss
    wrong = progress_of(rows, shuffled)[-1].val_loss
    assert right < wrong


def test_the_same_seed_gives_the_same_adapter_and_another_seed_another():
    rows = support_desk.rows(8, seed=1)
    assert train_quietly("m", rows, seed=5).files() == train_quietly("m", rows, seed=5).files()
    assert train_quietly("m", rows, seed=5).files() != train_quietly("m", rows, seed=6).files()


def test_a_seed_may_be_larger_than_32_bits():
    rows = support_desk.rows(8, seed=1)
    assert train_quietly("m", rows, seed=2**40).files() == train_quietly("m", rows, seed=2**40).files()


def test_a_tiny_learning_rate_learns_less():
    rows, validation = support_desk.rows(20, seed=1), support_desk.rows(5, seed=2)
    usual = progress_of(rows, validation, learning_rate=1e-4)[-1].val_loss
    assert progress_of(rows, validation, learning_rate=1e-7)[-1].val_loss > 2 * usual


@pytest.mark.parametrize(
    "hyperparameters",
    [
        {"learning_rate": 1e100, "batch_size": 1, "epochs": 2},
        {"learning_rate": 1e100, "batch_size": 1000},
        # Finite, but beyond what the half-precision weights of an adapter can hold.
        {"learning_rate": 1e3, "batch_size": 4},
    ],
    ids=str,
)
def test_a_training_that_leaves_the_range_of_numbers_has_diverged(hyperparameters):
    with pytest.raises(TrainingDiverged, match=r"diverged at step \d+: choose a learning rate below"):
        progress_of(support_desk.rows(8, seed=1), support_desk.rows(3, seed=2), **hyperparameters)


def test_a_training_stops_when_it_is_cancelled():
    reports = []
    with pytest.raises(TrainingCancelled):
        train(MEDIUM, support_desk.rows(10), [], {"epochs": 5}, reports.append, lambda: len(reports) >= 2)
    assert len(reports) == 2


@pytest.mark.parametrize(
    "rows",
    [[], [{}], [{"messages": []}], [{"messages": [{"role": "user", "content": "no answer"}]}]],
    ids=["none", "empty", "no_messages", "no_answer"],
)
def test_rows_without_answers_are_refused(rows):
    with pytest.raises(TrainingDataError):
        train_quietly("s", rows)


def test_an_adapter_answers_the_same_after_a_round_trip_through_its_files(adapters, tmp_path):
    adapters["l"].save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 5_000_000
    loaded = load_student(catalogue()["local/student-l"], tmp_path)
    fresh = Student(catalogue()["local/student-l"], adapters["l"])
    for row in support_desk.rows(5, seed=9):
        request = support_desk.request(row)
        assert loaded.answer(request) == fresh.answer(request)


def _damage_config(folder, **changes):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: (folder / "adapter_config.json").unlink(), "missing"),
        (lambda folder: (folder / "adapter_config.json").write_text("{"), "not JSON"),
        (lambda folder: (folder / "adapter_config.json").write_text("[]"), "format"),
        (lambda folder: (folder / "adapter_model.safetensors").write_bytes(b"x" * 99), "damaged"),
        (lambda folder: _damage_config(folder, format_version=99), "version 99"),
        (lambda folder: _damage_config(folder, base_model_name_or_path="local/student-s"), "trained for"),
        (lambda folder: _damage_config(folder, classes=["tool:only"]), "fit together"),
        (lambda folder: _damage_config(folder, slots={"f": [{"path": []}]}), "fit together"),
    ],
    ids=["missing", "not_json", "wrong_format", "bad_arrays", "version", "other_student", "classes", "slots"],
)
def test_a_damaged_adapter_is_refused_with_the_reason(adapters, tmp_path, damage, reason):
    adapters["l"].save(tmp_path)
    damage(tmp_path)
    with pytest.raises(AdapterError, match=reason):
        load_adapter(tmp_path, catalogue()["local/student-l"])
