"""Cut the text of a template into tokens.

Two states: outside actions everything up to ``{{`` is one token of text, inside an action the language has
words. The lexer checks spelling only; what a sequence of tokens means is the parser's business. A spelling
error is a token too (:attr:`TokenKind.ERROR`), so that the parser can name the action around it.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final

from aiofrp.config.golang.literals import quote, to_bytes


class TokenKind(enum.Enum):
    """The kinds of tokens of a template."""

    ASSIGN = "="
    BOOL = "boolean"
    CHAR = "character"  # any other printable ASCII character; commas mostly
    CHAR_CONSTANT = "character constant"
    COMPLEX = "complex constant"
    DECLARE = ":="
    EOF = "end of text"
    ERROR = "error"
    FIELD = "field"  # .Name
    IDENTIFIER = "identifier"
    LEFT_DELIM = "{{"
    LEFT_PAREN = "("
    NUMBER = "number"
    PIPE = "|"
    RAW_STRING = "raw string"
    RIGHT_DELIM = "}}"
    RIGHT_PAREN = ")"
    SPACE = "space"
    STRING = "string"
    TEXT = "text"
    VARIABLE = "variable"  # $ or $name
    # keywords
    BLOCK = "block"
    BREAK = "break"
    CONTINUE = "continue"
    DEFINE = "define"
    DOT = "."
    ELSE = "else"
    END = "end"
    IF = "if"
    NIL = "nil"
    RANGE = "range"
    TEMPLATE = "template"
    WITH = "with"


KEYWORDS: Final = frozenset(list(TokenKind)[list(TokenKind).index(TokenKind.BLOCK) :])

_WORDS: Final = {kind.value: kind for kind in KEYWORDS if kind is not TokenKind.DOT} | {
    "true": TokenKind.BOOL,
    "false": TokenKind.BOOL,
}
_PUNCTUATION: Final = {"=": TokenKind.ASSIGN, "|": TokenKind.PIPE}
_BLANKS: Final = " \t\r\n"
_TERMINATORS: Final = _BLANKS + ".,|:)("

_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?"
    r"|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?"
    r"|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?"
)
_WORD = re.compile(r"[A-Za-z0-9_]*+")  # the letters most words are made of; others are read one by one
_SPACES = re.compile(r"[ \t\r\n]+")
_QUOTED = {mark: re.compile(rf"(?:[^\\\n{mark}]++|\\[^\n])*+{mark}") for mark in "\"'"}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the template: its kind, place, text and line."""

    kind: TokenKind
    start: int
    """Index of its first character."""
    text: str
    """The characters themselves; the message for :attr:`TokenKind.ERROR`."""
    line: int
    """Line of its first character, from 1."""

    def __str__(self) -> str:
        """The token as error messages show it."""
        if self.kind is TokenKind.EOF:
            return "EOF"
        if self.kind is TokenKind.ERROR:
            return self.text
        if self.kind in KEYWORDS:
            return f"<{self.text}>"
        return quote(self.text[:10]) + "..." if len(to_bytes(self.text)) > 10 else quote(self.text)


class Lexer:
    """Reads one template from front to back; :meth:`next_token` never fails and ends with ``EOF``."""

    __slots__ = ("_counted", "_inside", "_line", "_parens", "_position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._position = 0
        self._inside = False
        self._parens = 0
        self._line = 1  # of the character at _counted
        self._counted = 0

    def next_token(self) -> Token:
        """Read on and return the next token; comments are left out."""
        while True:
            token = self._action() if self._inside else self._outside()
            if token is not None:
                return token

    # Outside actions

    def _outside(self) -> Token | None:
        """The text up to the next action, or the action's opening; ``None`` after a comment."""
        start = self._position
        opening = self.text.find("{{", start)
        if opening < 0:
            self._position = len(self.text)
            return self._token(TokenKind.TEXT if start < len(self.text) else TokenKind.EOF, start)
        if opening > start:
            trims = self._trims_left(opening)
            end = start + len(self.text[start:opening].rstrip(_BLANKS)) if trims else opening
            self._position = opening
            if end > start:
                return self._token(TokenKind.TEXT, start, end)
        return self._left_delim()

    def _trims_left(self, opening: int) -> bool:
        return self.text[opening + 2 : opening + 3] == "-" and self.text[opening + 3 : opening + 4] in tuple(
            _BLANKS
        )

    def _left_delim(self) -> Token | None:
        start = self._position
        self._position += 4 if self._trims_left(start) else 2
        if self.text.startswith("/*", self._position):
            return self._comment()
        self._inside = True
        self._parens = 0
        return self._token(TokenKind.LEFT_DELIM, start, start + 2)

    def _comment(self) -> Token | None:
        start = self._position
        end = self.text.find("*/", start + 2)
        if end < 0:
            return self._error("unclosed comment", start)
        self._position = end + 2
        if not self._at_right_delim():
            return self._error("comment ends before closing delimiter", start)
        self._skip_right_delim()
        return None

    # Inside an action

    def _action(self) -> Token:
        if self._at_right_delim():
            if self._parens:
                return self._error("unclosed left paren")
            return self._right_delim()
        start = self._position
        char = self.text[start : start + 1]
        if not char:
            return self._error("unclosed action")
        if char in _BLANKS:
            return self._space()
        if char in "\"'":
            return self._quoted(char)
        if char == "`":
            return self._raw_quoted()
        if char == "$" or (char == "." and self._starts_field(start + 1)):
            return self._field_or_variable(TokenKind.VARIABLE if char == "$" else TokenKind.FIELD)
        if char in ".+-0123456789":
            return self._number()
        if _is_word_char(char):
            return self._word()
        return self._mark(char)

    def _starts_field(self, position: int) -> bool:
        """Whether a dot just before ``position`` is not the beginning of a number."""
        return position < len(self.text) and self.text[position] not in "0123456789"

    def _space(self) -> Token:
        start = self._position
        self._position = _SPACES.match(self.text, start).end()  # type: ignore[union-attr]  # a blank is there
        if self.text.startswith("-}}", self._position):  # the last blank belongs to the trim marker
            self._position -= 1
            if self._position == start:
                return self._right_delim()
        return self._token(TokenKind.SPACE, start)

    def _quoted(self, mark: str) -> Token:
        start = self._position
        end = _QUOTED[mark].match(self.text, start + 1)
        if end is None:
            what = "quoted string" if mark == '"' else "character constant"
            return self._error(f"unterminated {what}", start)
        self._position = end.end()
        return self._token(TokenKind.STRING if mark == '"' else TokenKind.CHAR_CONSTANT, start)

    def _raw_quoted(self) -> Token:
        start = self._position
        end = self.text.find("`", start + 1)
        if end < 0:
            return self._error("unterminated raw quoted string", start)
        self._position = end + 1
        return self._token(TokenKind.RAW_STRING, start)

    def _field_or_variable(self, kind: TokenKind) -> Token:
        start = self._position
        self._position += 1
        if self._at_terminator():
            return self._token(kind if kind is TokenKind.VARIABLE else TokenKind.DOT, start)
        self._skip_word()
        if not self._at_terminator():
            return self._bad_character(start)
        return self._token(kind, start)

    def _word(self) -> Token:
        start = self._position
        self._skip_word()
        if not self._at_terminator():
            return self._bad_character(start)
        return self._token(_WORDS.get(self.text[start : self._position], TokenKind.IDENTIFIER), start)

    def _number(self) -> Token:
        start = self._position
        whole = self._skip_number()
        kind = TokenKind.NUMBER
        if whole and self.text[self._position : self._position + 1] in ("+", "-"):
            kind = TokenKind.COMPLEX
            whole = self._skip_number() and self.text[self._position - 1] == "i"
        if not whole:
            return self._error(f"bad number syntax: {quote(self.text[start : self._position])}", start)
        return self._token(kind, start)

    def _mark(self, char: str) -> Token:
        start = self._position
        self._position += 1
        if char == ":":
            if not self.text.startswith("=", self._position):
                return self._error("expected :=", start)
            self._position += 1
            return self._token(TokenKind.DECLARE, start)
        if char in "()":
            return self._paren(char, start)
        if char.isascii() and char.isprintable():
            return self._token(_PUNCTUATION.get(char, TokenKind.CHAR), start)
        return self._error(f"unrecognized character in action: {_name(char)}", start)

    def _paren(self, char: str, start: int) -> Token:
        self._parens += 1 if char == "(" else -1
        if self._parens < 0:
            return self._error("unexpected right paren", start)
        return self._token(TokenKind.LEFT_PAREN if char == "(" else TokenKind.RIGHT_PAREN, start)

    # Closing delimiters

    def _at_right_delim(self) -> bool:
        return self.text.startswith("}}", self._position) or self._at_trimming_right_delim()

    def _at_trimming_right_delim(self) -> bool:
        blank = self.text[self._position : self._position + 1]
        return blank in tuple(_BLANKS) and self.text.startswith("-}}", self._position + 1)

    def _right_delim(self) -> Token:
        start = self._position + (2 if self._at_trimming_right_delim() else 0)
        self._skip_right_delim()
        self._inside = False
        return self._token(TokenKind.RIGHT_DELIM, start, start + 2)

    def _skip_right_delim(self) -> None:
        trims = self._at_trimming_right_delim()
        self._position += 4 if trims else 2
        if trims and (blanks := _SPACES.match(self.text, self._position)):
            self._position = blanks.end()

    # Helpers

    def _at_terminator(self) -> bool:
        char = self.text[self._position : self._position + 1]
        return not char or char in _TERMINATORS or self.text.startswith("}}", self._position)

    def _skip_word(self) -> None:
        self._position = _WORD.match(self.text, self._position).end()  # type: ignore[union-attr]  # may be empty
        while self._position < len(self.text) and _is_word_char(self.text[self._position]):
            self._position = _WORD.match(self.text, self._position + 1).end()  # type: ignore[union-attr]  # likewise

    def _skip_number(self) -> bool:
        """Step over a number; false if a letter or digit follows that does not belong to it."""
        self._position = _NUMBER.match(self.text, self._position).end()  # type: ignore[union-attr]  # may be empty
        if self._position < len(self.text) and _is_word_char(self.text[self._position]):
            self._position += 1
            return False
        return True

    def _bad_character(self, start: int) -> Token:
        return self._error(f"bad character {_name(self.text[self._position])}", start)

    def _token(self, kind: TokenKind, start: int, end: int | None = None) -> Token:
        text = self.text[start : self._position if end is None else end]
        return Token(kind, start, text, self._line_at(start))

    def _error(self, message: str, start: int | None = None) -> Token:
        """A spelling error; what follows it is not read."""
        start = self._position if start is None else start
        self._position = len(self.text)
        self._inside = False
        return Token(TokenKind.ERROR, start, message, self._line_at(start))

    def _line_at(self, position: int) -> int:
        """The line of a position; positions asked for never go back."""
        self._line += self.text.count("\n", self._counted, position)
        self._counted = position
        return self._line


def _is_word_char(char: str) -> bool:
    return char == "_" or char.isalpha() or char.isdecimal()


def _name(char: str) -> str:
    """A character as ``%#U`` writes it: ``U+0040 '@'``."""
    char = "\ufffd" if "\udc80" <= char <= "\udcff" else char
    shown = f" '{char}'" if char.isprintable() else ""
    return f"U+{ord(char):04X}{shown}"
