import copy
import json
from typing import Any

import pytest

from include.flywheel.privacy import PrivacyConfig
from include.flywheel.privacy.redactor import Redactor

Message = dict[str, Any]


@pytest.fixture
def redactor() -> Redactor:
    return Redactor(PrivacyConfig(mode="replace"))


def called(arguments: Any, call_id: str = "call_1") -> Message:
    function = {"name": "find_user", "arguments": arguments}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": call_id, "type": "function", "function": function}],
    }


def arguments_of(message: Message) -> Any:
    return message["tool_calls"][0]["function"]["arguments"]


SYSTEM = {"role": "system", "content": "Help the customers of Acme. Today is 2025-10-11."}
ASKED = {"role": "user", "content": "Hi, my name is Yusuf Rossi, zip code 19122, phone (415) 595-4862."}
RESULT = {
    "role": "tool",
    "tool_call_id": "call_1",
    "name": "find_user",
    "content": '{"user_id": "yusuf_rossi_9620", "email": "yusuf.rossi7301@example.com", "order": "#W2378156", "price": 342.80}',
}
CONVERSATION = [
    SYSTEM,
    ASKED,
    called('{"first_name":"Yusuf","last_name":"Rossi","zip":"19122"}'),
    RESULT,
    {"role": "assistant", "content": "Thank you, Yusuf. Shall I write to yusuf.rossi7301@example.com?"},
    {"role": "user", "content": "No, to my wife: ines.rossi@example.org"},
]


def test_arguments_match_the_text_they_were_taken_from(redactor: Redactor) -> None:
    answer = called({"first_name": "Yusuf", "last_name": "Rossi", "zip": "19122"})
    (_, asked), answered, counts = redactor.apply([SYSTEM, ASKED], answer)
    assert asked["content"] == "Hi, my name is <PERSON_1> <PERSON_2>, zip code <ADDRESS_1>, phone <PHONE_1>."
    assert arguments_of(answered) == {
        "first_name": "<PERSON_1>",
        "last_name": "<PERSON_2>",
        "zip": "<ADDRESS_1>",
    }
    assert counts == {"person": 2, "address": 1, "phone": 1}


def test_every_turn_shows_earlier_messages_as_the_turn_before_did(redactor: Redactor) -> None:
    # Each turn is asked of another redactor too: nothing is remembered from turn to turn.
    turns = [
        Redactor(PrivacyConfig(mode="replace")).apply(CONVERSATION[:end], CONVERSATION[end])
        for end in range(2, len(CONVERSATION))
    ]
    last = [*turns[-1][0], turns[-1][1]]
    for messages, answer, _ in turns:
        assert [*messages, answer] == last[: len(messages) + 1]
        assert redactor.apply(CONVERSATION[: len(messages)], CONVERSATION[len(messages)])[0] == messages


def test_what_is_found_later_never_takes_the_number_of_what_was_found_earlier(redactor: Redactor) -> None:
    # Only the result tells that Nyx is a name, which stands before the other one.
    messages = [{"role": "user", "content": "Nyx wants it. My name is Ann Lee."}]
    result = {"role": "tool", "tool_call_id": "c", "content": '{"first_name": "Nyx"}'}
    (first,), _, _ = redactor.apply(messages, {"role": "assistant", "content": "Sure."})
    (later, _), _, _ = redactor.apply([*messages, result], {"role": "assistant", "content": "Sure."})
    assert first["content"] == "Nyx wants it. My name is <PERSON_1> <PERSON_2>."
    assert later["content"] == "<PERSON_3> wants it. My name is <PERSON_1> <PERSON_2>."


def test_arguments_as_text_and_as_object_get_the_same_placeholders(redactor: Redactor) -> None:
    given = {"email": "ann@example.com", "phone": 4155954862, "card_number": 4111111111111111}
    (as_object,), _, _ = redactor.apply([called(given)], called({}))
    (as_text,), _, _ = redactor.apply([called(json.dumps(given))], called({}))
    assert json.loads(arguments_of(as_text)) == arguments_of(as_object)
    assert arguments_of(as_object) == {
        "email": "<EMAIL_1>",
        "phone": "<PHONE_1>",
        "card_number": "<CARD_1>",
    }


def test_a_number_is_the_same_however_it_is_written(redactor: Redactor) -> None:
    asked = {"role": "user", "content": "Call me: +1 415 595 4862, card 4111 1111 1111 1111."}
    answer = called({"phone": "(415) 595-4862", "number": "4111-1111-1111-1111"})
    _, answered, _ = redactor.apply([asked], answer)
    assert arguments_of(answered) == {"phone": "<PHONE_1>", "number": "<CARD_1>"}


def test_ids_names_of_functions_and_keys_stay(redactor: Redactor) -> None:
    messages, _, _ = redactor.apply(CONVERSATION, {"role": "assistant", "content": "ok"})
    assert [m.get("tool_call_id") for m in messages] == [m.get("tool_call_id") for m in CONVERSATION]
    assert messages[2]["tool_calls"][0]["id"] == "call_1"
    assert messages[3]["name"] == "find_user"
    assert messages[3]["content"] == (
        '{"user_id": "<PERSON_1>_<PERSON_2>_9620", "email": "<EMAIL_1>", "order": "#W2378156", "price": 342.80}'
    )


def test_nothing_given_is_changed(redactor: Redactor) -> None:
    given = copy.deepcopy(CONVERSATION)
    answer = called({"who": {"email": "ann@example.com"}})
    before = copy.deepcopy(answer)
    redactor.apply(given, answer)
    assert (given, answer) == (CONVERSATION, before)


def test_report_counts_and_changes_nothing() -> None:
    messages, answer, counts = Redactor(PrivacyConfig(mode="report")).apply(
        CONVERSATION[:-1], CONVERSATION[-1]
    )
    assert [*messages, answer] == CONVERSATION
    assert counts["email"] == 2


def test_a_participants_name_is_a_persons_and_parts_of_content_are_read(redactor: Redactor) -> None:
    message = {"role": "user", "name": "Yusuf", "content": [{"type": "text", "text": "I am Yusuf."}]}
    (changed,), _, _ = redactor.apply([message], {"role": "assistant", "content": "Hi Yusuf!"})
    assert changed == {
        "role": "user",
        "name": "<PERSON_1>",
        "content": [{"type": "text", "text": "I am <PERSON_1>."}],
    }


def test_a_name_that_is_a_word_counts_where_it_is_meant_as_a_name(redactor: Redactor) -> None:
    messages = [{"role": "user", "content": "My name is Will Turner. Will you deliver? It will rain."}]
    (asked,), answer, _ = redactor.apply(messages, {"role": "assistant", "content": "Hi Will, it will do."})
    assert asked["content"] == "My name is <PERSON_1> <PERSON_2>. Will you deliver? It will rain."
    assert answer["content"] == "Hi <PERSON_1>, it will do."


def test_a_known_number_is_no_part_of_another(redactor: Redactor) -> None:
    messages = [{"role": "user", "content": "zip code 19122. Item 219122, $19122, 1.19122 and #19122."}]
    (asked,), _, _ = redactor.apply(messages, called({"price": 19122, "zip": 19122}))
    assert asked["content"] == "zip code <ADDRESS_1>. Item 219122, $19122, 1.19122 and #19122."


def test_a_whole_number_is_replaced_under_a_key_that_says_what_it_is(redactor: Redactor) -> None:
    messages = [{"role": "user", "content": "zip code 19122"}]
    _, answer, _ = redactor.apply(messages, called({"price": 19122, "zip": 19122}))
    assert arguments_of(answer) == {"price": 19122, "zip": "<ADDRESS_1>"}


def test_escaped_letters_and_json_in_json_are_read(redactor: Redactor) -> None:
    inner = json.dumps({"last_name": "Villaseñor", "n": 1})
    content = json.dumps({"result": inner})
    (message,), _, _ = redactor.apply(
        [{"role": "tool", "tool_call_id": "c", "content": content}],
        {"role": "assistant", "content": "Thanks, Villaseñor!"},
    )
    assert json.loads(json.loads(message["content"])["result"]) == {"last_name": "<PERSON_1>", "n": 1}


def test_json_too_deep_to_walk_through_is_read_as_text(redactor: Redactor) -> None:
    content = "[" * 5000 + '"ann@example.com"' + "]" * 5000
    (message,), _, _ = redactor.apply(
        [{"role": "tool", "tool_call_id": "c", "content": content}], {"role": "assistant", "content": "ok"}
    )
    assert message["content"] == content.replace("ann@example.com", "<EMAIL_1>")


def test_values_to_keep_are_kept() -> None:
    redactor = Redactor(PrivacyConfig(mode="replace", keep=("Support@acme.com",)))
    content = "Write to support@acme.com, not to ann@example.com."
    _, answer, counts = redactor.apply([], {"role": "assistant", "content": content})
    assert answer["content"] == "Write to support@acme.com, not to <EMAIL_1>."
    assert counts == {"email": 1}


def test_only_the_entities_asked_are_replaced() -> None:
    redactor = Redactor(PrivacyConfig(mode="replace", entities=("phone",)))
    _, answer, _ = redactor.apply([], {"role": "assistant", "content": "ann@example.com, (415) 595-4862"})
    assert answer["content"] == "ann@example.com, <PHONE_1>"


def test_a_pattern_of_ones_own_is_replaced_in_texts_and_arguments() -> None:
    privacy = PrivacyConfig.model_validate(
        {"mode": "replace", "custom": [{"name": "loyalty", "pattern": r"LN-\d{6}"}]}
    )
    messages = [{"role": "user", "content": "my loyalty number is LN-123456"}]
    (asked,), answer, counts = Redactor(privacy).apply(messages, called({"loyalty_number": "LN-123456"}))
    assert asked["content"] == "my loyalty number is <LOYALTY_1>"
    assert arguments_of(answer) == {"loyalty_number": "<LOYALTY_1>"}
    assert counts == {"loyalty": 1}
