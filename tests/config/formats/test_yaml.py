"""YAML as Go's yaml.v2 reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.config.formats import yaml as yaml11
from aiofrp.config.formats.yaml import MAX_DEPTH, MAX_NODES, YamlError, load
from tests.config.batch import every
from tests.config.recorded import load as recorded

TRUE = "y Y yes Yes YES true True TRUE on On ON"
FALSE = "n N no No NO false False FALSE off Off OFF"
TEXT = "yEs nULL = 1:30 1.2.3 2001-01-01 0b2 0x 0o8 _1 . 1e400"
LOADERS = ["SafeLoader", *(["CSafeLoader"] if yaml.__with_libyaml__ else [])]


@pytest.fixture(params=LOADERS)
def _either_parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML comes with and without libyaml."""
    monkeypatch.setattr(yaml11, "_Loader", getattr(yaml, request.param))


def value(text: str) -> Any:
    return load(text, drop_dot_keys=False)


def error(text: str) -> YamlError:
    with pytest.raises(YamlError) as caught:
        value(text)
    return caught.value


def same(left: Any, right: Any) -> bool:
    """Equality as JSON means it: 1 is 1.0, but not true."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return float(left) == float(right)
    return bool(left == right)


@every(recorded("yaml")["cases"], lambda case: case["yaml"][:40])
def test_reads_as_recorded(case: dict[str, Any]) -> None:
    if "error" in case:
        assert error(case["yaml"])
    else:
        assert same(value(case["yaml"]), case["value"])


@pytest.mark.usefixtures("_either_parser")
@every(
    [
        *((word, True) for word in TRUE.split()),
        *((word, False) for word in FALSE.split()),
        *((word, None) for word in ("", "~", "null", "Null", "NULL")),
        *((word, word) for word in TEXT.split()),
        ("0700", 448),
        ("0o17", 15),
        ("0x10", 16),
        ("0b11", 3),
        ("1_000", 1000),
        ("08", 8),
        ("+5", 5),
        ("-0b11", -3),
        ("0b-1", -1),
        ("1e3", 1000),
        ("7E+2", 700),
        ("1.", 1),
        (".5", 0.5),
        ("-1.25", -1.25),
        ("1e-7", 1e-7),
        ("18446744073709551615", 2**64 - 1),
        ("1e21", 1e21),
        ("'y'", "y"),
        ('"1"', "1"),
        ("!!str 5", "5"),
        ('!!int "5"', 5),
        ("!!float 5", 5),
        ("!!binary aGVsbG8=", "hello"),
        ("!unknown 5", "5"),
        ("!!set {a}", {"a": None}),
        ("!!timestamp 2001-1-1", "2001-1-1"),
        ('"\\u00e9"', "é"),
        ("a:b", "a:b"),
        ("[y, 1, {a: n}]", [True, 1, {"a": False}]),
    ]
)
def test_scalars(text: str, expected: Any) -> None:
    result = value(f"k: {text}\n")["k"]
    assert same(result, expected)
    assert not isinstance(result, float) or not result.is_integer() or result >= 1e21


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("1", "1"),
        ("0x10", "16"),
        ("yes", "true"),
        ("off", "false"),
        ("1.50", "1.5"),
        ("1e6", "1e+06"),
        (".inf", ".inf"),
        ("2001-01-01", "2001-01-01"),
    ],
)
def test_keys_are_texts(key: str, name: str) -> None:
    assert value(f"{key}: x\n") == {name: "x"}


@pytest.mark.usefixtures("_either_parser")
@every(
    [
        ("a: 1\na: 2\n", {"a": 2}),
        ("a: 1\n---\nb: [\n", {"a": 1}),
        ("\ufeffa: 1\r\n", {"a": 1}),
        ("a: &x {b: 1}\nc: *x\n", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x 1\nb: &x 2\nc: *x\n", {"a": 1, "b": 2, "c": 2}),
        ("<<: {a: 1}\na: 2\n", {"a": 2}),
        ("a: 2\n<<: {a: 1}\n", {"a": 1}),
        ("<<: [{a: 1}, {a: 2, b: 3}]\n", {"a": 1, "b": 3}),
        ('"<<": 1\n', {"<<": 1}),
        ("a: |\n  x\n   y\nb: >-\n  x\n  y\n", {"a": "x\n y\n", "b": "x y"}),
        ("", None),
        ("# nothing\n", None),
    ]
)
def test_documents(text: str, expected: Any) -> None:
    assert value(text) == expected


def test_an_alias_gives_a_value_of_its_own() -> None:
    result = value("a: &x {b: [1]}\nc: *x\n")
    result["a"]["b"].append(2)
    assert result["c"] == {"b": [1]}


def test_dot_keys_go_at_the_top_only() -> None:
    text = ".base: &b {.inner: 1}\nkeep: {<<: *b}\n"
    assert load(text, drop_dot_keys=True) == {"keep": {".inner": 1}}
    assert load(text, drop_dot_keys=False) == {".base": {".inner": 1}, "keep": {".inner": 1}}


@every(
    [
        ("serverPort: 7000\n\tuser: a\n", "line 2: found a tab character that violates indentation", 2, 1),
        ("bindPort: 7000\n  log: {}\n", "line 2: mapping values are not allowed in this context", 2, 6),
        ("a:\n  b: *x\n", "line 2: unknown anchor 'x' referenced", 2, 6),
        ("a: &a [*a]\n", "line 1: anchor 'a' value contains itself", 1, 8),
        ("a: 1\nb: .inf\n", "line 2: json: unsupported value: +Inf", 2, 4),
        ("a: !!int 5.0\n", "line 1: cannot decode !!float `5.0` as a !!int", 1, 4),
        ("a: !!binary '%'\n", "line 1: !!binary value contains invalid base64 data", 1, 4),
        ("<<: 5\n", "line 1: map merge requires map or sequence of maps as the value", 1, 5),
        ("{a: 1, [b]: 2}\n", "line 1: invalid map key", 1, 8),
        ("~: 1\n", "line 1: Unsupported map key", 1, 1),
        ("a: 1\nb: \udcff\n", "line 2: invalid UTF-8", 2, 4),
    ]
)
@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML without libyaml words its errors differently")
def test_errors_say_where(text: str, message: str, line: int, column: int) -> None:
    problem = error(text)
    assert str(problem) == f"error converting YAML to JSON: yaml: {message} (column {column})"
    assert (problem.line, problem.column) == (line, column)


def test_control_characters() -> None:
    assert str(error("a: \x01\n")).endswith("characters are not allowed")


@pytest.mark.usefixtures("_either_parser")
@pytest.mark.parametrize("unit", ["[", "- ", "{a: ", "? "])
def test_nesting_is_limited(unit: str) -> None:
    assert "max" in str(error(unit * 300))


@pytest.mark.parametrize("unit", ["[", "- ", "{a: ", "? "])
def test_a_flood_of_nesting_is_limited(unit: str) -> None:
    assert "max" in str(error(unit * 100_000))


def test_the_deepest_allowed_nesting() -> None:
    assert value("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert "max depth" in str(error("[" * (MAX_DEPTH + 1) + "x" + "]" * (MAX_DEPTH + 1)))


def test_aliases_cannot_explode() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    assert "document contains excessive aliasing" in str(error("\n".join(lines)))


def test_aliases_cannot_nest_without_end() -> None:
    lines = ["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 500))]
    assert "max depth" in str(error("\n".join(lines)))


def test_the_number_of_values_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_NODES >= 100_000
    monkeypatch.setattr(yaml11, "MAX_NODES", 100)
    assert len(value("- x\n" * 99)) == 99
    assert "more than 100 values" in str(error("- x\n" * 100))


WORDS = """a b: 1 y 08 .inf - ? : , [ ] { } &a *a << !!int !!binary ! | > " ' # % --- ... ~ é"""
SPACES = ["\n", "\n  ", "\t", " ", "\udcff", "\x00", "\ufeff"]


@given(st.lists(st.sampled_from([*WORDS.split(), *SPACES]), max_size=30).map("".join), st.booleans())
def test_any_mix(text: str, drop: bool) -> None:
    try:
        result = load(text, drop_dot_keys=drop)
    except YamlError:
        return
    json.dumps(result, allow_nan=False)


@given(st.text(st.characters(exclude_categories=())))
def test_any_text(text: str) -> None:
    try:
        result = load(text, drop_dot_keys=False)
    except YamlError:
        return
    json.dumps(result, allow_nan=False)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_json_is_yaml(tree: Any) -> None:
    assert same(value("k: " + json.dumps(tree)), {"k": tree})
