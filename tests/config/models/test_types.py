from __future__ import annotations

import json
import re
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from aiofrp.config.golang.jsonnumber import JsonFloat
from aiofrp.config.models.types import (
    Bandwidth,
    Bool,
    Int,
    Int64,
    Secret,
    Str,
    kind,
    parse_ports,
)
from aiofrp.errors import ConfigError
from tests.config.batch import every

# Numbers


@pytest.mark.parametrize(
    ("value", "number"), [(7, 7), (7.0, 7), (-0.0, 0), (2**63 - 1, 2**63 - 1), (-(2**63), -(2**63))]
)
def test_whole_numbers(value: Any, number: int) -> None:
    result = TypeAdapter(Int).validate_python(value)
    assert (result, type(result)) == (number, int)


@every(
    [
        ("7", "string"),
        (True, "bool"),
        (7.5, "number 7.5"),
        (2**63, "number 9223372036854775808"),
        (1e30, "number 1e+30"),
        (JsonFloat("7.0"), "number 7.0"),
        ([], "array"),
        ({}, "object"),
    ]
)
def test_no_whole_numbers(value: Any, got: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Int64).validate_python(value)
    assert caught.value.errors()[0]["msg"] == f"cannot unmarshal {got} into int64"


@pytest.mark.parametrize(("type_", "value"), [(Bool, 1), (Bool, "true"), (Str, 1), (Str, None), (Bool, None)])
def test_nothing_is_converted(type_: Any, value: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(type_).validate_python(value)


def test_kinds() -> None:
    values: list[Any] = [None, True, "", 1, 1.5, {}, []]
    assert [kind(value) for value in values] == [
        "null", "bool", "string", "number", "number", "object", "array",
    ]  # fmt: skip


# Secrets


def test_secrets_do_not_print() -> None:
    secret = Secret("hunter2")
    printed = [f"{secret} {secret!r} {secret:>10}", str(secret), repr(secret), str([secret]), format(secret)]
    assert "hunter2" not in "".join(printed)
    assert str(secret) == "***"


def test_secrets_are_texts() -> None:
    secret = Secret("hunter2")
    assert secret == "hunter2"
    assert secret.encode() == b"hunter2"
    assert (secret.reveal(), type(secret.reveal())) == ("hunter2", str)
    assert json.dumps(secret) == '"hunter2"'


def test_an_empty_secret_shows_that_it_is() -> None:
    assert (str(Secret()), repr(Secret()), bool(Secret())) == ("", "''", False)


def test_secrets_are_made_from_texts_only() -> None:
    made = TypeAdapter(Secret).validate_python("x")
    assert type(made) is Secret
    with pytest.raises(ValidationError):
        TypeAdapter(Secret).validate_python(5)


# Bandwidth


@every(
    [
        ("", "", 0),
        (" 1MB ", "1MB", 1048576),
        ("100KB", "100KB", 102400),
        ("1.5MB", "1.5MB", 1572864),
        ("1e1KB", "1e1KB", 10240),
        ("0.0001KB", "0.0001KB", 0),
        ("-1KB", "-1KB", -1024),
        ("1e300MB", "1e300MB", 2**63 - 1),
        ("nanKB", "nanKB", 0),
    ]
)
def test_bandwidth(text: str, kept: str, rate: int) -> None:
    limit = Bandwidth.parse(text)
    assert (limit.text, limit.bytes, bool(limit)) == (kept, rate, bool(kept))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1mb", "unit not support"),
        ("100", "unit not support"),
        ("xMB", 'strconv.ParseFloat: parsing "x": invalid syntax'),
        ("1 MB", 'strconv.ParseFloat: parsing "1 ": invalid syntax'),
        ("KB", 'strconv.ParseFloat: parsing "": invalid syntax'),
    ],
)
def test_no_bandwidth(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        Bandwidth.parse(text)


def test_bandwidth_in_a_model() -> None:
    adapter = TypeAdapter(Bandwidth)
    assert adapter.validate_python("1KB") == Bandwidth("1KB", 1024)
    assert adapter.validate_python(Bandwidth("1KB", 1024)).bytes == 1024
    wrongs: list[Any] = [5, "1"]
    for wrong in wrongs:
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)


# Ports


def test_ports() -> None:
    assert parse_ports(" 1-2,5 , 7 - 9") == ((1, 2), (5, 5), (7, 9))


@pytest.mark.parametrize("text", ["", "a", "1-", "2-1", "1-2-3", "1,,2", "-1"])
def test_no_ports(text: str) -> None:
    with pytest.raises(ConfigError, match="range number is invalid"):
        parse_ports(text)
