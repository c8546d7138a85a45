import math
import re

import pytest

from include.local_nemo.evaluation_metrics import (
    regex_score,
    score_summary,
    sentence_bleu,
    string_check,
    tool_call_scores,
)
from include.local_nemo.evaluation_templates import TemplateProblem, compile_template

ORDER = {"function": {"name": "get_order", "arguments": {"id": "W1"}}}
USER = {"function": {"name": "get_user", "arguments": {"id": "U1"}}}


def predicted(name, arguments):
    return {"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}


def both(scores):
    return scores["function_name_accuracy"], scores["function_name_and_args_accuracy"]


@pytest.mark.parametrize(
    ("calls", "truth", "scores"),
    [
        ([predicted("get_order", '{"id": "W1"}')], [ORDER], (1, 1)),
        ([predicted("get_order", '{"id": "W2"}')], [ORDER], (1, 0)),
        ([predicted("get_user", '{"id": "W1"}')], [ORDER], (0, 0)),
        ([predicted("GET_ORDER", '{"id": "W1"}')], [ORDER], (0, 0)),
        (None, [ORDER], (0, 0)),
        ([predicted("get_order", "{}")], None, (0, 0)),
        (None, None, (1, 1)),
        ([], None, (1, 1)),
    ],
)
def test_a_tool_call_scores_by_name_and_by_name_with_arguments(calls, truth, scores):
    assert both(tool_call_scores(calls, truth)) == scores


def test_the_order_of_parallel_calls_does_not_matter():
    calls = [predicted("get_user", '{"id":"U1"}'), predicted("get_order", '{"id":"W1"}')]
    assert both(tool_call_scores(calls, [ORDER, USER])) == (1, 1)


def test_every_parallel_call_must_have_its_counterpart():
    one, two = predicted("get_order", '{"id":"W1"}'), predicted("get_order", '{"id":"W2"}')
    second = {"function": {"name": "get_order", "arguments": {"id": "W2"}}}
    assert both(tool_call_scores([one, two], [second, ORDER])) == (1, 1)
    assert both(tool_call_scores([one, one], [second, ORDER])) == (1, 0)
    assert both(tool_call_scores([one], [second, ORDER])) == (1, 0)


def test_a_ground_truth_with_arguments_as_json_text_never_matches():
    as_text = {"function": {"name": "get_order", "arguments": '{"id": "W1"}'}}
    assert both(tool_call_scores([predicted("get_order", '{"id": "W1"}')], [as_text])) == (1, 0)


@pytest.mark.parametrize(
    ("made", "true", "same"),
    [
        ("1", True, 0),
        ("0", False, 0),
        ("true", True, 1),
        ("1.0", 1, 1),
        ("[1, true]", [1, 1], 0),
        ('{"x": {"y": false}}', {"x": {"y": 0}}, 0),
        ('{"x": 1}', {"x": 1, "y": None}, 0),
        ('"1"', 1, 0),
        ("null", None, 1),
    ],
)
def test_arguments_are_compared_as_json_where_true_is_not_one(made, true, same):
    truth = [{"function": {"name": "f", "arguments": {"a": true}}}]
    assert both(tool_call_scores([predicted("f", f'{{"a": {made}}}')], truth)) == (1, same)


def test_missing_arguments_are_an_empty_object():
    truth = [{"function": {"name": "list_all"}}]
    assert both(tool_call_scores([predicted("list_all", "")], truth)) == (1, 1)
    assert both(tool_call_scores([predicted("list_all", "{}")], truth)) == (1, 1)


def test_predicted_arguments_that_are_no_json_have_no_score():
    name, arguments = both(tool_call_scores([predicted("get_order", "{id")], [ORDER]))
    assert name == 1
    assert math.isnan(arguments)


def test_one_digit_pattern_reads_ten_as_one_and_a_longer_one_reads_ten():
    assert regex_score("10", re.compile(r"(\d)"), "int") == 1
    assert regex_score("10", re.compile(r"(\d+)"), "int") == 10


@pytest.mark.parametrize(
    ("pattern", "kind"), [(r"(\d+)", "int"), (r"score: (\w+)", "int"), (r"x|(\d)", "int")]
)
def test_an_answer_without_a_number_has_no_score(pattern, kind):
    assert math.isnan(regex_score("score: high x", re.compile(pattern), kind))


def test_the_first_group_of_the_first_match_is_the_score():
    assert (
        regex_score("4 of 10\nRATING: 1\nEXPLANATION: 2 errors", re.compile(r"RATING:\s*(\d+)"), "int") == 1
    )
    assert regex_score("it is 7.5", re.compile(r"\d+\.\d+"), "number") == 7.5


@pytest.mark.parametrize(
    ("check", "held"),
    [
        (("a", "equals", "a"), 1),
        (("a", "not equals", "a"), 0),
        (("abc", "contains", "b"), 1),
        (("abc", "not contains", "b"), 0),
        (("abc", "startswith", "ab"), 1),
        (("abc", "endswith", "ab"), 0),
    ],
)
def test_string_checks_hold_or_not(check, held):
    assert string_check(*check) == held


@pytest.mark.parametrize(
    ("text", "references", "score"),
    [
        ("the cat sat on the mat", ["the cat sat on the mat"], 100),
        ("Yes.", ["No.", "Yes."], 100),
        ("", [""], 100),
        ("", ["something"], 0),
        ("dog", ["cat"], 0),
        # Precisions 2/4, 1/4, 1/3 and 1/2, and no penalty: "the" counts twice because a reference has it twice.
        ("the the the the", ["the cat and the dog", "a cat"], 100 * (2 / 4 * 1 / 4 * 1 / 3 * 1 / 2) ** 0.25 * math.exp(-1 / 4)),
        # All n-grams match, but six words are expected where two are.
        ("the cat", ["the cat sat on the mat"], 100 * math.exp(1 - 6 / 2)),
    ],
)  # fmt: skip
def test_bleu_is_the_likeness_of_a_text_to_its_references(text, references, score):
    assert sentence_bleu(text, references) == pytest.approx(score)


def test_a_summary_leaves_out_what_has_no_score_and_counts_it():
    summary = score_summary([1.0, math.nan, 0.0, 1.0])
    assert summary["value"] == pytest.approx(2 / 3)
    assert summary["stats"]["count"] == 3
    assert summary["stats"]["nan_count"] == 1
    assert summary["stats"]["sum"] == 2
    assert summary["stats"]["variance"] == pytest.approx(2 / 9)


def test_a_summary_of_no_scores_is_none_not_zero():
    assert score_summary([math.nan, math.nan]) is None
    assert score_summary([]) is None


ROW = {"item": {"messages": [{"role": "user", "content": "a < b & 'c'"}], "tool": None, "items": [1, 2]}}


def test_tojson_gives_the_value_itself():
    render = compile_template("{{ item.messages | tojson }}", as_json=True, where="x")
    assert render(ROW) == ROW["item"]["messages"]


def test_text_around_an_expression_stays_text_and_unescaped():
    render = compile_template(
        "<a> {{ item.messages[0].content }}: {{ item.messages | tojson }}", as_json=True, where="x"
    )
    assert render(ROW) == '<a> a < b & \'c\': [{"role":"user","content":"a < b & \'c\'"}]'


def test_json_inside_message_content_stays_text():
    render = compile_template(
        [{"role": "user", "content": "{{ item.messages[0].role | tojson }}"}], as_json=True, where="x"
    )
    assert render(ROW) == [{"role": "user", "content": '"user"'}]


def test_nested_values_and_plain_words_survive():
    render = compile_template(
        {"tool_choice": "required", "n": 2, "m": "{{ 1 + 2 }}"}, as_json=True, where="x"
    )
    assert render(ROW) == {"tool_choice": "required", "n": 2, "m": 3}


@pytest.mark.parametrize(
    "text", ["{{ item.nothing.at_all | tojson }}", "{{ item.nothing }}", "{{ item.tool.x.y }}"]
)
def test_a_template_that_does_not_fit_a_row_names_the_place_and_not_the_content(text):
    render = compile_template(text, as_json=True, where="config.tasks.t")
    with pytest.raises(TemplateProblem, match=r"config\.tasks\.t: ") as caught:
        render(ROW)
    assert "a < b" not in str(caught.value)


def test_a_template_with_a_syntax_error_is_refused_when_it_is_compiled():
    with pytest.raises(TemplateProblem):
        compile_template("{{ item. }}", as_json=True, where="x")


def test_a_template_cannot_reach_python_itself():
    render = compile_template("{{ item.__class__.__mro__ }}", as_json=False, where="x")
    with pytest.raises(TemplateProblem):
        render(ROW)


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'a' * 10000000000 }}",
        "{{ 10000000000 * [1] }}",
        "{{ 9 ** (9 ** 9) }}",
        "{{ 'a'.ljust(10000000000) }}",
        "{{ 'a' | center(10000000000) }}",
        "{{ '%10000000000d' % 1 }}",
        "{{ '%10000000000d' | format(1) }}",
        "{{ '{:>10000000000}'.format(1) }}",
        "{% for a in range(9999) %}{% for b in range(9999) %}{{ 'abc' }}{% endfor %}{% endfor %}",
    ],
)
def test_a_template_that_would_fill_the_memory_is_refused(text):
    with pytest.raises(TemplateProblem, match=r"here: a (template may not make more|format with a width)"):
        compile_template(text, as_json=False, where="here")(ROW)


def test_templates_may_do_all_of_that_within_bounds():
    text = "{{ 'ab' * 2 }} {{ 2 ** 10 }} {{ 'a'.ljust(3) }}| {{ 'a' | center(3) }} {{ '%05.1f' % 3.14159 }} {{ '{:>3}'.format(1) }}"
    assert compile_template(text, as_json=False, where="x")(ROW) == "abab 1024 a  |  a  003.1   1"
