"""Lengths of texts: by a tokenizer's file, or estimated."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from include.flywheel.errors import ConfigError
from include.flywheel.icl import IclPrompts
from include.flywheel.tokens import ByteEstimate, TokenizerFile
from tests.flywheel.test_icl import eval_row, pool, prompts

WORDS = ("one", "two", "three")


def tokenizer_file(path: Path, *, longest: int | None = None) -> Path:
    """Write a tokenizer that knows three words and splits everything else at spaces and punctuation."""
    tokenizer = Tokenizer(models.WordLevel({"?": 0, **{w: i for i, w in enumerate(WORDS, 1)}}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if longest:
        tokenizer.enable_truncation(longest)
        tokenizer.enable_padding(length=longest)
    tokenizer.save(str(path))
    return path


def test_a_tokenizer_file_counts_the_tokens_of_its_model(tmp_path: Path) -> None:
    counter = TokenizerFile(tokenizer_file(tmp_path / "tokenizer.json"))
    assert counter.size("one two, three four") == 5
    assert counter.tokens(counter.size("one two")) == counter.room(2) == 2


def test_a_tokenizer_that_cuts_or_fills_texts_counts_them_whole(tmp_path: Path) -> None:
    counter = TokenizerFile(tokenizer_file(tmp_path / "tokenizer.json", longest=4))
    assert [counter.size("one " * n) for n in (1, 9)] == [1, 9]


@pytest.mark.parametrize("content", [None, b"", b"not JSON", b"{}", b"\xff\xfe"])
def test_a_file_that_is_no_tokenizer_names_key_and_remedy(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"icl_config\.tokenizer: {path}.*Give the path"):
        TokenizerFile(path)


def test_the_estimate_has_a_margin() -> None:
    counter = ByteEstimate()
    assert counter.tokens(counter.size("ä" * 100)) == 60
    assert counter.tokens(counter.room(100)) <= 100


def test_prompts_stay_within_their_context_by_the_tokenizer(tmp_path: Path) -> None:
    counter = TokenizerFile(tokenizer_file(tmp_path / "tokenizer.json"))
    made = pool(*[(f"{tool}{i}", tool) for tool in "abc" for i in range(4)], turns=40)
    by_context = {}
    for context in (600, 1200, 2500, 5000):
        estimated = prompts(made, context, max_examples=9)
        counted = IclPrompts(context, estimated.settings, made, with_tools=True, counter=counter)
        row = counted.with_examples(eval_row())
        assert sum(counter.size(m["content"]) for m in row["request"]["messages"]) <= context - 100
        by_context[context] = (estimated.with_examples(eval_row()), row)
    # Words of this tokenizer are longer than estimated tokens, so more of the examples fits.
    short, long = (len(row["request"]["messages"][0]["content"]) for row in by_context[2500])
    assert long > short
