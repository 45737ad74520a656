"""The tokens of a template with look-ahead, as the parser of one body reads them, and the errors it
reports."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NoReturn

from aiofrp.config.golang.literals import to_bytes
from aiofrp.config.golang.template.errors import TemplateError
from aiofrp.config.golang.template.syntax.lex import Lexer, Token, TokenKind
from aiofrp.config.golang.template.syntax.nodes import Template

MAX_NESTING: Final = 64
"""How deep blocks and parentheses may nest together; each level costs a few frames of the stack."""


@dataclass(slots=True)
class TemplateSource:
    """What the parsers of a file's several bodies share."""

    name: str
    """Of the template, for error messages."""
    text: str
    functions: Collection[str]
    """The names of the functions there are."""
    lexer: Lexer = field(init=False)
    template: Template = field(init=False)
    """The tree in the making."""
    statements: int = 0
    """Pieces of text and actions read so far."""
    nesting: int = 0

    def __post_init__(self) -> None:
        self.lexer = Lexer(self.text)
        self.template = Template(self.name, self.text)


class Tokens:
    """Reads tokens from the source; tokens given back come again."""

    __slots__ = ("_latest", "_pushed", "_source", "action_line")

    def __init__(self, source: TemplateSource) -> None:
        self._source = source
        self._pushed: list[Token] = []
        self._latest = Token(
            TokenKind.EOF, 0, "", 1
        )  # the last token read from the lexer: where errors point
        self.action_line = 0
        """Where the action being parsed began, 0 between actions."""

    def next(self) -> Token:
        """Read on and return the next token."""
        if self._pushed:
            return self._pushed.pop()
        self._latest = self._source.lexer.next_token()
        return self._latest

    def push(self, *tokens: Token) -> None:
        """Give tokens back; the last comes first."""
        self._pushed += tokens

    def peek(self) -> Token:
        """The next token, without reading on."""
        if not self._pushed:
            self._pushed.append(self.next())
        return self._pushed[-1]

    def next_word(self) -> Token:
        """Read on and return the next token that is not space."""
        while (token := self.next()).kind is TokenKind.SPACE:
            pass
        return token

    def peek_word(self) -> Token:
        """The next token that is not space; only the space before it is read."""
        token = self.next_word()
        self._pushed.append(token)
        return token

    def expect(self, kind: TokenKind, context: str) -> None:
        """Read a token of that kind; anything else is an error in ``context``."""
        token = self.next_word()
        if token.kind is not kind:
            self.unexpected(token, context)

    @contextmanager
    def nested(self, message: str) -> Iterator[None]:
        """Go one level down for the block. Raises :exc:`TemplateError` with ``message`` beyond :data:`MAX_NESTING`."""
        self._source.nesting += 1
        if self._source.nesting > MAX_NESTING:
            self.fail(message.format(MAX_NESTING))
        yield
        self._source.nesting -= 1

    # Errors

    def unexpected(self, token: Token, context: str) -> NoReturn:
        """Raise :exc:`TemplateError`: ``token`` may not stand in ``context``, or is a spelling error."""
        if token.kind is not TokenKind.ERROR:
            self.fail(f"unexpected {token} in {context}", token)
        where = ""
        if self.action_line not in (0, token.line):
            where = f" action started at {self._source.name}:{self.action_line}"
            where = where.removeprefix(" action") if token.text.endswith(" action") else " in" + where
        self.fail(f"{token}{where}", token)

    def fail(self, message: str, culprit: Token | None = None) -> NoReturn:
        """Raise :exc:`TemplateError`. The line is the one read last, as with Go; the column is ours."""
        token = culprit if culprit and culprit.line == self._latest.line else self._latest
        line_start = self._source.text.rfind("\n", 0, token.start) + 1
        column = len(to_bytes(self._source.text[line_start : token.start])) + 1
        raise TemplateError(
            f"template: {self._source.name}:{token.line}: {message} (column {column})", token.line, column
        )
