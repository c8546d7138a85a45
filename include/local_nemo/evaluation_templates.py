"""Jinja templates inside evaluation configs.

A config holds templates such as `"{{ item.request.messages | tojson }}"`. They are compiled once per task and
rendered once per row; `item` is the dataset row, `sample` the model's output, and a row's own columns are
variables too.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import jinja2
import orjson
from jinja2.sandbox import SecurityError

from include.local_nemo.evaluation_sandbox import BoundedEnvironment

Render = Callable[[Mapping[str, Any]], Any]

# One path and nothing else, e.g. `{{ item.response.choices[0].message.tool_calls | tojson }}`. Writing such a
# value as JSON only to parse it again would cost more than the rest of a row, so it is handed over as it is.
_PATH_AS_JSON = re.compile(
    r"""\{\{-?\s*([A-Za-z_](?:[\w.]|\[\d+\]|\['[^'\]]*'\]|\["[^"\]]*"\])*)\s*\|\s*tojson\s*-?\}\}"""
)

_RENDERING_ERRORS = (
    jinja2.TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
)


class TemplateProblem(ValueError):  # noqa: N818
    """A template that cannot be compiled, or not be rendered for some row."""


_ENV = BoundedEnvironment()


def compile_template(value: object, *, as_json: bool, where: str) -> Render:
    """Compile a config value that may hold templates at any depth; the result renders it for one row.

    `as_json`: rendered text that parses as JSON is taken as the JSON value (`messages`, `tools`,
    `tool_choice`), text that doesn't is kept (`"required"`). Below a key `content` text always stays text.
    `where` names the value in messages. Raises TemplateProblem, here for a syntax error, and from the result
    for a row that doesn't fit.
    """
    if isinstance(value, str):
        return _compile_text(value, as_json=as_json, where=where)
    if isinstance(value, list):
        items = [
            compile_template(item, as_json=as_json, where=f"{where}[{n}]") for n, item in enumerate(value)
        ]
        return lambda row: [render(row) for render in items]
    if isinstance(value, dict):
        fields = {
            key: compile_template(item, as_json=as_json and key != "content", where=f"{where}.{key}")
            for key, item in value.items()
        }
        return lambda row: {key: render(row) for key, render in fields.items()}
    return lambda row: value


def _compile_text(text: str, *, as_json: bool, where: str) -> Render:
    if "{{" not in text and "{%" not in text:
        return lambda row: text
    try:
        path = _PATH_AS_JSON.fullmatch(text.strip()) if as_json else None
        if path:
            return _reporting(_path_reader(path[1]), where)
        template = _ENV.from_string(text)
    except (jinja2.TemplateSyntaxError, SecurityError) as error:
        raise TemplateProblem(f"{where}: {error.message}") from error
    return _reporting(lambda row: _parsed(template.render(row)) if as_json else template.render(row), where)


def _path_reader(path: str) -> Render:
    expression = _ENV.compile_expression(path, undefined_to_none=False)

    def read(row: Mapping[str, Any]) -> Any:
        value = expression(row)
        if isinstance(value, jinja2.Undefined):
            raise jinja2.UndefinedError(value._undefined_message)
        return value

    return read


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _reporting(render: Render, where: str) -> Render:
    def guarded(row: Mapping[str, Any]) -> Any:
        try:
            return render(row)
        except (jinja2.UndefinedError, SecurityError) as error:
            raise TemplateProblem(f"{where}: {error.message}") from error
        except _RENDERING_ERRORS as error:
            # The type alone: the text of such an error may quote the row.
            raise TemplateProblem(f"{where}: {type(error).__name__}") from error

    return guarded
