"""Cutting templates into tokens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aiofrp.config.golang.template.syntax.lex import Lexer, Token, TokenKind
from tests.config.batch import every


def tokens(text: str) -> Iterator[Token]:
    lexer = Lexer(text)
    while True:
        token = lexer.next_token()
        if token.kind is TokenKind.EOF:
            return
        yield token
        if token.kind is TokenKind.ERROR:
            return


def words(text: str) -> list[str]:
    return [token.text for token in tokens(text) if token.kind is not TokenKind.SPACE]


@every(
    [
        ("", []),
        ("plain } text {", ["plain } text {"]),
        ("a{{.}}b", ["a", "{{", ".", "}}", "b"]),
        ("a {{- 1 -}}\n b", ["a", "{{", "1", "}}", "b"]),
        ("a {{-1}} b", ["a ", "{{", "-1", "}}", " b"]),
        ("a {{- /* note */ -}} b", ["a", "b"]),
        ("{{/* }} */}}b", ["b"]),
        (
            "{{$x := .Envs.A | print}}",
            ["{{", "$x", ":=", ".Envs", ".A", "|", "print", "}}"],
        ),
        ("{{\"}}\" `{{` '}'}}", ["{{", '"}}"', "`{{`", "'}'", "}}"]),
        ("{{0x1F 1_000 -2.5e+3 .5}}", ["{{", "0x1F", "1_000", "-2.5e+3", ".5", "}}"]),
        ("{{(index . 1).A}}", ["{{", "(", "index", ".", "1", ")", ".A", "}}"]),
    ]
)
def test_cuts(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@every(
    [
        ("{{", "unclosed action"),
        ("{{/* x", "unclosed comment"),
        ("{{/* x */ }}", "comment ends before closing delimiter"),
        ('{{"x\n"}}', "unterminated quoted string"),
        ("{{'x", "unterminated character constant"),
        ("{{`x", "unterminated raw quoted string"),
        ("{{(1}}", "unclosed left paren"),
        ("{{1)}}", "unexpected right paren"),
        ("{{a:b}}", "expected :="),
        ("{{1x}}", 'bad number syntax: "1x"'),
        ("{{1-2}}", 'bad number syntax: "1-2"'),
        ("{{.A@}}", "bad character U+0040 '@'"),
        ("{{\x01}}", "unrecognized character in action: U+0001"),
    ]
)
def test_spelling_errors_are_tokens(text: str, message: str) -> None:
    last = list(tokens(text))[-1]
    assert (last.kind, last.text) == (TokenKind.ERROR, message)


def test_tokens_know_their_line() -> None:
    lines = {token.text: token.line for token in tokens("a\n{{.B\n .C}}\n{{- .D}}")}
    assert (lines[".B"], lines[".C"], lines[".D"]) == (2, 3, 4)


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        (Token(TokenKind.EOF, 0, "", 1), "EOF"),
        (Token(TokenKind.END, 0, "end", 1), "<end>"),
        (Token(TokenKind.CHAR, 0, ",", 1), '","'),
        (Token(TokenKind.STRING, 0, '"0123456789"', 1), '"\\"012345678"...'),
    ],
)
def test_tokens_show_as_the_reference_shows_them(token: Token, shown: str) -> None:
    assert str(token) == shown
