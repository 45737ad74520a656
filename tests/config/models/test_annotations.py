from __future__ import annotations

import pytest

from aiofrp.config.models.annotations import MAX_SIZE, annotation_problems, name_problems
from tests.config.batch import every


@pytest.mark.parametrize("name", ["a", "my-name_1.x", "example.org/note", "a" * 63, "x" * 60 + "." + "y/z"])
def test_good_names(name: str) -> None:
    assert list(name_problems(name)) == []


@every(
    [
        ("", ["name part must be non-empty", "name part must consist of"]),
        ("a b", ["name part must consist of"]),
        ("-a", ["name part must consist of"]),
        ("a" * 64, ["name part must be no more than 63 characters"]),
        ("/x", ["prefix part must be non-empty"]),
        ("a_/x", ["prefix part a lowercase RFC 1123 subdomain must consist of"]),
        ("a" * 254 + "/x", ["prefix part must be no more than 253 characters"]),
        ("a/", ["name part must be non-empty", "name part must consist of"]),
        ("a/b/c", ["a qualified name must consist of"]),
    ]
)
def test_bad_names(name: str, texts: list[str]) -> None:
    found = list(name_problems(name))
    assert len(found) == len(texts)
    assert all(text.startswith(begin) for text, begin in zip(found, texts, strict=True))


def test_keys_are_lowered_first_and_sorted() -> None:
    found = list(annotation_problems({"b b": "", "EXAMPLE.org/Note": "", "a a": ""}))
    assert [key for key, _ in found] == ["a a", "b b"]
    assert found[0][1].startswith("annotation key a a is invalid: name part must consist of")


def test_size_counts_bytes() -> None:
    assert list(annotation_problems({"a": "x" * (MAX_SIZE - 1)})) == []
    assert list(annotation_problems({"a": "ü" * (MAX_SIZE // 2)})) == [
        ("", f"annotations size {MAX_SIZE + 1} is larger than limit {MAX_SIZE}")
    ]
