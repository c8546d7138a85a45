import pytest
import support_desk
from student_training import SIZES, train_quietly

from include.local_nemo.students import Student, catalogue, judge
from include.local_nemo.students.conversation import read_conversation
from include.local_nemo.students.templates import calculate, facts_of, fill_template, make_template


def rate(reference, candidate):
    prompt = (
        f"<reference_answer>{reference}</reference_answer>\n<candidate_answer>{candidate}</candidate_answer>"
    )
    return int(judge([{"role": "user", "content": prompt}]))


def said(*texts):
    return read_conversation({"messages": [{"role": "user", "content": text} for text in texts]})


@pytest.mark.parametrize("size", SIZES)
def test_a_customized_student_words_its_answers_like_the_log(size):
    spec = catalogue()[f"local/student-{size}"]
    adapter = train_quietly(size, support_desk.text_rows(30, seed=1), support_desk.text_rows(10, seed=3))
    rows = support_desk.text_rows(20, seed=2)

    def mean(model):
        ratings = [
            rate(row["messages"][-1]["content"], model.answer(support_desk.request(row)).content)
            for row in rows
        ]
        return sum(ratings) / len(ratings)

    assert mean(Student(spec, adapter)) >= mean(Student(spec)) + 2


def test_an_answer_carries_the_facts_of_its_own_conversation():
    rows = support_desk.text_rows(40, seed=1)
    model = Student(catalogue()["local/student-l"], train_quietly("l", rows))
    row = support_desk.text_rows(1, seed=77)[0]
    assert model.answer(support_desk.request(row)).content == row["messages"][-1]["content"]


def test_a_base_student_without_tools_answers_from_the_conversation():
    answer = Student(catalogue()["local/student-m"]).answer(
        {
            "messages": [
                {"role": "system", "content": "Returns are free for thirty days. The shop opens at nine."},
                {"role": "user", "content": "Are returns free?"},
            ]
        }
    )
    assert "Returns are free for thirty days." in answer.content


def test_a_text_example_in_the_prompt_is_imitated():
    block = (
        "<example>\n<conversation>\nuser: Where is parcel PX-1111?\n</conversation>\n<answer>\n"
        "Parcel PX-1111 is on its way.\n</answer>\n</example>"
    )
    messages = [{"role": "system", "content": block}, {"role": "user", "content": "Where is parcel PX-2222?"}]
    assert Student(catalogue()["local/student-s"]).answer({"messages": messages}).content == (
        "Parcel PX-2222 is on its way."
    )


def test_equations_hold_again_after_the_numbers_are_exchanged():
    template = make_template(
        "She sold 6*7 = 42 pens.\n#### 42", facts_of(said("She sold 6 boxes of 7 pens."))
    )
    assert fill_template(template, facts_of(said("He sold 3 boxes of 5 pens."))) == (
        "She sold 3*5 = 15 pens.\n#### 15",
        1.0,
    )


def test_a_hole_that_finds_no_fact_keeps_its_words():
    template = make_template("Your order #W12345 left.", facts_of(said("Where is #W12345?")))
    assert fill_template(template, facts_of(said("Where is it?"))) == ("Your order #W12345 left.", 0.0)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2+3*4", 14),
        ("(2+3)*4", 20),
        ("50% * 8", 4),
        ("$1,000 / 4", 250),
        ("1/0", None),
        ("__import__", None),
        ("", None),
    ],
)
def test_only_arithmetic_is_calculated(text, value):
    assert calculate(text) == value
