"""Parse pipelines, the expressions of the template language."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from aiofrp.config.golang.literals import parse_float, parse_int, parse_uint, quote, unquote, unquote_char
from aiofrp.config.golang.template.syntax import nodes
from aiofrp.config.golang.template.syntax.lex import Token, TokenKind
from aiofrp.config.golang.template.syntax.tokens import Tokens

MAX_VARIABLES: Final = 1000
"""How many variables may be in scope at once: finding one is a linear search."""

REFUSED: Final = frozenset({"call", "html", "js", "urlquery"})
"""Functions of Go that no configuration uses: its data holds nothing to call, and it is no web page."""

_CONSTANTS: Final = frozenset({TokenKind.BOOL, TokenKind.STRING, TokenKind.RAW_STRING})
_NUMBERS: Final = frozenset({TokenKind.NUMBER, TokenKind.CHAR_CONSTANT, TokenKind.COMPLEX})
_TERMS: Final = (
    _CONSTANTS
    | _NUMBERS
    | {
        TokenKind.DOT,
        TokenKind.FIELD,
        TokenKind.IDENTIFIER,
        TokenKind.NIL,
        TokenKind.VARIABLE,
        TokenKind.LEFT_PAREN,
    }
)


class Pipelines:
    """Parses the pipelines of one body, and knows the variables in scope."""

    __slots__ = ("_functions", "_tokens", "_variables")

    def __init__(self, tokens: Tokens, functions: Collection[str]) -> None:
        self._tokens = tokens
        self._functions = functions
        self._variables = ["$"]

    def mark(self) -> int:
        """How many variables are in scope, for :meth:`forget`."""
        return len(self._variables)

    def forget(self, mark: int) -> None:
        """Leave only the first ``mark`` variables in scope."""
        del self._variables[mark:]

    def pipeline(self, context: str, end: TokenKind) -> nodes.Pipeline:
        """Parse up to ``end``; ``context`` is what error messages call it."""
        start = self._tokens.peek_word().start
        variables, assigns = self._declarations(context)
        commands: list[nodes.CommandNode] = []
        while (token := self._tokens.next_word()).kind is not end:
            if token.kind not in _TERMS:
                self._tokens.unexpected(token, context)
            self._tokens.push(token)
            commands.append(self._command())
        self._check_commands(commands, context)
        return nodes.Pipeline(start, variables, assigns, tuple(commands))

    def _declarations(self, context: str) -> tuple[tuple[str, ...], bool]:
        """The variables a pipeline sets, and whether it only assigns to them."""
        names: list[str] = []
        while (token := self._tokens.peek_word()).kind is TokenKind.VARIABLE:
            self._tokens.next_word()
            adjacent = self._tokens.peek()
            following = self._tokens.peek_word()
            if following.kind in (TokenKind.ASSIGN, TokenKind.DECLARE):
                self._tokens.next_word()
                self._declare(names, token)
                return tuple(names), following.kind is TokenKind.ASSIGN
            if following.kind is not TokenKind.CHAR or following.text != ",":
                if adjacent.kind is TokenKind.SPACE:
                    self._tokens.push(adjacent)
                self._tokens.push(token)
                break
            self._tokens.next_word()
            self._declare(names, token)
            if context != "range" or len(names) > 1:
                self._tokens.fail(f"too many declarations in {context}")
            if self._tokens.peek_word().kind not in (
                TokenKind.VARIABLE,
                TokenKind.RIGHT_DELIM,
                TokenKind.RIGHT_PAREN,
            ):
                self._tokens.fail("range can only initialize variables")
        return tuple(names), False

    def _declare(self, names: list[str], token: Token) -> None:
        names.append(token.text)
        self._variables.append(token.text)
        if len(self._variables) > MAX_VARIABLES:
            self._tokens.fail(f"more than {MAX_VARIABLES} variables in scope")

    def _check_commands(self, commands: list[nodes.CommandNode], context: str) -> None:
        if not commands:
            self._tokens.fail(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.operands[0], nodes.Constant | nodes.Dot | nodes.Nil):
                self._tokens.fail(f"non executable command in pipeline stage {stage}")

    def _command(self) -> nodes.CommandNode:
        start = self._tokens.peek_word().start
        operands: list[nodes.Operand] = []
        while True:
            self._tokens.peek_word()
            operand = self._operand()
            if operand is not None:
                operands.append(operand)
            token = self._tokens.next()
            if token.kind in (TokenKind.RIGHT_DELIM, TokenKind.RIGHT_PAREN):
                self._tokens.push(token)
                break
            if token.kind is TokenKind.PIPE:
                break
            if token.kind is not TokenKind.SPACE:
                self._tokens.unexpected(token, "operand")
        if not operands:
            self._tokens.fail("empty command")
        return nodes.CommandNode(start, tuple(operands))

    def _operand(self) -> nodes.Operand | None:
        operand = self._term()
        if operand is None or self._tokens.peek().kind is not TokenKind.FIELD:
            return operand
        start = self._tokens.peek().start
        names: list[str] = []
        while self._tokens.peek().kind is TokenKind.FIELD:
            names.append(self._tokens.next().text[1:])
        match operand:
            case nodes.Field():
                return nodes.Field(start, (*operand.names, *names))
            case nodes.Variable():
                return nodes.Variable(start, operand.name, tuple(names))
            case nodes.Constant() | nodes.Dot() | nodes.Nil():
                self._tokens.fail(f"unexpected . after term {quote(str(operand))}")
        return nodes.Chain(start, operand, tuple(names))

    def _term(self) -> nodes.Operand | None:
        token = self._tokens.next_word()
        match token.kind:
            case TokenKind.IDENTIFIER:
                return self._function(token)
            case TokenKind.DOT:
                return nodes.Dot(token.start)
            case TokenKind.NIL:
                return nodes.Nil(token.start)
            case TokenKind.VARIABLE:
                return self._variable(token)
            case TokenKind.FIELD:
                return nodes.Field(token.start, (token.text[1:],))
            case TokenKind.LEFT_PAREN:
                with self._tokens.nested("max expression depth exceeded"):
                    return self.pipeline("parenthesized pipeline", TokenKind.RIGHT_PAREN)
            case TokenKind.BOOL:
                return nodes.Constant(token.start, token.text, token.text == "true")
            case TokenKind.STRING | TokenKind.RAW_STRING:
                return nodes.Constant(token.start, token.text, self.unquoted(token))
            case TokenKind.NUMBER | TokenKind.CHAR_CONSTANT | TokenKind.COMPLEX:
                return nodes.Constant(token.start, token.text, self._number(token))
        self._tokens.push(token)
        return None

    def _function(self, token: Token) -> nodes.Identifier:
        if token.text in REFUSED:
            self._tokens.fail(f"function {quote(token.text)} is not supported", token)
        if token.text not in self._functions:
            self._tokens.fail(f"function {quote(token.text)} not defined", token)
        return nodes.Identifier(token.start, token.text)

    def _variable(self, token: Token) -> nodes.Variable:
        if token.text not in self._variables:
            self._tokens.fail(f"undefined variable {quote(token.text)}", token)
        return nodes.Variable(token.start, token.text)

    def unquoted(self, token: Token) -> str:
        """The text that a quoted token stands for, without quotes and escapes."""
        try:
            return unquote(token.text)
        except ValueError as error:
            self._tokens.fail(str(error), token)

    def _number(self, token: Token) -> int | float:
        if token.kind is TokenKind.COMPLEX or token.text.endswith("i"):
            self._tokens.fail(f"complex number {token.text} is not supported", token)
        try:
            if token.kind is TokenKind.CHAR_CONSTANT:
                return unquote_char(token.text)
            return _number(token.text)
        except ValueError as error:
            self._tokens.fail(str(error), token)


def _number(text: str) -> int | float:
    """The value of a number; integers may need all 64 bits unsigned. Raises :exc:`ValueError`."""
    is_hex = text[:2].lower() == "0x" and len(text) > 2 and not set("pP") & set(text)
    is_float = not is_hex and bool(set(".eEpP") & set(text))
    try:
        integer = parse_uint(text) if text[0] not in "+-" else parse_int(text)
        return float(integer) if is_float else integer
    except ValueError:
        pass
    try:
        number = parse_float(text)
    except ValueError:
        raise ValueError(f"illegal number syntax: {quote(text)}") from None
    if not set(".eEpP") & set(text):
        raise ValueError(f"integer overflow: {quote(text)}")
    return number
