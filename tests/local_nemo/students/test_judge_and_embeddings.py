import json
import math
import re

import pytest

from include.local_nemo.students import catalogue, embed, judge


def prompt(reference, candidate, closing=""):
    text = (
        f"<reference_answer>\n{reference}\n</reference_answer>\n"
        f"<candidate_answer>\n{candidate}\n</candidate_answer>\n{closing}"
    )
    return [{"role": "system", "content": "Compare."}, {"role": "user", "content": text}]


def calls(*made):
    return json.dumps([{"function": {"name": name, "arguments": arguments}} for name, arguments in made])


def rating(reference, candidate):
    answer = judge(prompt(reference, candidate, "Answer with a RATING: line."))
    match = re.fullmatch(r"RATING: ([01])\nEXPLANATION: .+", answer)
    assert match, answer
    return int(match.group(1))


def test_the_same_answer_gets_ten_and_an_empty_one_gets_one():
    assert judge(prompt("Your order ships on Monday.", "Your order ships on Monday.")) == "10"
    assert judge(prompt("Your order ships on Monday.", "")) == "1"


def test_the_judge_orders_answers_by_what_they_share():
    reference = "Order #W123 ships on Monday and costs 20 dollars."
    near = "Order #W123 ships on Tuesday and costs 20 dollars."
    far = "Order #W999 was cancelled."
    foreign = "Bananas grow in warm countries."
    ratings = [int(judge(prompt(reference, text))) for text in (reference, near, far, foreign)]
    assert ratings == sorted(ratings, reverse=True)
    assert len(set(ratings)) == 4


def test_quoting_the_question_is_no_answer_however_many_words_it_shares_with_the_reference():
    question = "Ann buys 3 boxes with 12 pens each. How many pens does Ann buy?"
    reference = "Ann buys 3 boxes with 12 pens each, so multiply: 3 * 12 = 36 pens."
    ratings = [
        int(
            judge(
                [
                    {"role": "user", "content": f"<question>\n{question}\n</question>"},
                    {"role": "user", "content": f"<reference_answer>\n{reference}\n</reference_answer>"},
                    {"role": "user", "content": f"<candidate_answer>\n{answer}\n</candidate_answer>"},
                ]
            )
        )
        for answer in (question, "Multiply the boxes by the pens: 36.")
    ]
    assert ratings[0] < ratings[1]


def test_a_prompt_without_answers_gets_the_lowest_rating():
    assert judge([]) == "1"
    assert judge([{"role": "user", "content": "RATING: please"}]).startswith("RATING: 0")


@pytest.mark.parametrize(
    ("candidate", "verdict"),
    [
        (calls(("send", {"to": "a@b.de", "count": 2})), 1),
        (calls(("send", '{"count": 2, "to": "a@b.de"}')), 1),
        (calls(("send", {"to": "a@b.de", "count": "2"})), 1),
        (calls(("send", {"to": "a@b.de"})), 0),
        (calls(("send", {"to": "x@b.de", "count": 2})), 0),
        (calls(("push", {"to": "a@b.de", "count": 2})), 0),
        (calls(("send", {"to": "a@b.de", "count": 2}), ("send", {"to": "a@b.de", "count": 2})), 0),
        ("[]", 0),
        ("", 0),
        ("not JSON", 0),
    ],
)
def test_tool_calls_are_right_only_with_every_argument(candidate, verdict):
    assert rating(calls(("send", {"to": "a@b.de", "count": 2})), candidate) == verdict


def test_long_texts_count_by_meaning_and_identifiers_exactly():
    reference = calls(("note", {"text": "The customer wants a refund because the lamp arrived broken."}))
    assert (
        rating(
            reference, calls(("note", {"text": "Customer wants a refund, the lamp arrived broken today."}))
        )
        == 1
    )
    assert rating(reference, calls(("note", {"text": "They asked about opening hours in the city."}))) == 0
    assert rating(calls(("get", {"id": "A12"})), calls(("get", {"id": "a12"}))) == 0


def test_embeddings_have_unit_length_and_are_the_same_for_the_same_text():
    vectors = embed(["refund my broken lamp", "", "refund my broken lamp"], 64)
    assert [len(vector) for vector in vectors] == [64, 64, 64]
    assert all(math.isclose(sum(x * x for x in vector), 1.0, rel_tol=1e-9) for vector in vectors)
    assert vectors[0] == vectors[2]
    assert embed([], 64) == []


def test_like_texts_are_nearer_than_unlike_ones():
    question, near, far = embed(
        ["refund for a broken lamp", "how do I get a refund for my broken lamp", "opening hours in Oslo"],
        2048,
    )

    def dot(one, other):
        return sum(x * y for x, y in zip(one, other, strict=True))

    assert dot(question, near) > dot(question, far) + 0.2


def test_the_catalogue_orders_students_by_size():
    specs = catalogue()
    sizes = [specs[f"local/student-{size}"].num_parameters for size in "sml"]
    assert sizes == sorted(set(sizes))
    assert specs["local/judge-lexical"].kind == "judge"
    assert specs["local/embed-hash"].asymmetric
