"""Build the tree of a template from its tokens.

A recursive descent over the reference's grammar. The parser knows which functions exist, but not what they
do. It accepts what the reference accepts, except for the functions listed in :data:`REFUSED` and complex
numbers, which it refuses by name.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NoReturn

from aiofrp.config.literals import parse_float, parse_int, parse_uint, quote, to_bytes, unquote, unquote_char
from aiofrp.config.template import nodes
from aiofrp.config.template.errors import TemplateError
from aiofrp.config.template.lex import Kind, Lexer, Token

MAX_NESTING: Final = 80
"""How deep blocks and parentheses may nest together; each level costs a few frames of the stack."""

MAX_STATEMENTS: Final = 200_000
"""How many pieces of text and actions a template may have: about 100 MB of tree."""

MAX_VARIABLES: Final = 1000
"""How many variables may be in scope at once: looking one up is a search."""

REFUSED: Final = frozenset({"call"})
"""Functions of the reference that a configuration cannot use: its data holds nothing to call."""

_CONSTANTS: Final = frozenset({Kind.BOOL, Kind.STRING, Kind.RAW_STRING})
_NUMBERS: Final = frozenset({Kind.NUMBER, Kind.CHAR_CONSTANT, Kind.COMPLEX})
_TERMS: Final = (
    _CONSTANTS | _NUMBERS | {Kind.DOT, Kind.FIELD, Kind.IDENTIFIER, Kind.NIL, Kind.VARIABLE, Kind.LEFT_PAREN}
)


class Mark(enum.Enum):
    """Actions that end a body."""

    END = "{{end}}"
    ELSE = "{{else}}"


def parse_text(text: str, functions: Collection[str]) -> nodes.Template:
    """Parse the whole template ``text``, which may call ``functions``. Raises :exc:`TemplateError`."""
    source = _Source(text, functions)
    _Parser(source, "frp").file()
    return source.template


@dataclass(slots=True)
class _Source:
    """What the parsers of a file's several bodies share."""

    text: str
    functions: Collection[str]
    lexer: Lexer = field(init=False)
    template: nodes.Template = field(init=False)
    nesting: int = 0
    statements: int = 0

    def __post_init__(self) -> None:
        self.lexer = Lexer(self.text)
        self.template = nodes.Template(self.text)


class _Parser:
    """Parses one body by name: the file itself, a ``define`` or a ``block``."""

    __slots__ = ("_action_line", "_latest", "_name", "_pushed", "_ranges", "_source", "_variables")

    def __init__(self, source: _Source, name: str) -> None:
        self._source = source
        self._name = name
        self._pushed: list[Token] = []
        self._latest = Token(Kind.EOF, 0, "", 1)  # the last token read from the lexer: where errors point
        self._variables = ["$"]
        self._ranges = 0  # nesting of range: where break and continue make sense
        self._action_line = 0

    # Bodies

    def file(self) -> None:
        body: list[nodes.Statement] = []
        while self._peek().kind is not Kind.EOF:
            if self._peek().kind is Kind.LEFT_DELIM and self._definition():
                continue
            statement = self._statement()
            if isinstance(statement, Mark):
                self._fail(f"unexpected {statement.value}")
            body.append(statement)
        self._add(tuple(body))

    def _definition(self) -> bool:
        """Parse a ``define``, if the action ahead is one."""
        opening = self._next()
        word = self._next_word()
        if word.kind is not Kind.DEFINE:
            self._pushed += (word, opening)
            return False
        _Parser(self._source, "definition")._define()
        return True

    def _define(self) -> None:
        context = "define clause"
        name = self._next_word()
        self._name = self._template_name(name, context)
        self._expect(Kind.RIGHT_DELIM, context)
        self._named_body(context)

    def _named_body(self, context: str) -> None:
        body, mark = self._body()
        if mark is not Mark.END:
            self._fail(f"unexpected {mark.value} in {context}")
        self._add(body)

    def _add(self, body: nodes.Body) -> None:
        bodies = self._source.template.bodies
        known = bodies.get(self._name)
        if known is None or nodes.is_empty(known):
            bodies[self._name] = body
        elif not nodes.is_empty(body):
            self._fail(f"template: multiple definition of template {quote(self._name)}")

    def _body(self) -> tuple[nodes.Body, Mark]:
        """Everything up to the next ``end`` or ``else`` of this level."""
        body: list[nodes.Statement] = []
        with self._nested("nesting exceeds {} levels"):
            while True:
                if self._peek_word().kind is Kind.EOF:
                    self._fail("unexpected EOF")
                statement = self._statement()
                if isinstance(statement, Mark):
                    return tuple(body), statement
                body.append(statement)

    def _statement(self) -> nodes.Statement | Mark:
        token = self._next_word()
        self._source.statements += 1
        if self._source.statements > MAX_STATEMENTS:
            self._fail(f"template has more than {MAX_STATEMENTS} parts")
        if token.kind is Kind.TEXT:
            return nodes.Text(token.start, token.text)
        if token.kind is not Kind.LEFT_DELIM:
            self._unexpected(token, "input")
        self._action_line = token.line
        statement = self._action()
        self._action_line = 0
        return statement

    # Actions

    def _action(self) -> nodes.Statement | Mark:
        token = self._next_word()
        match token.kind:
            case Kind.BLOCK:
                return self._block()
            case Kind.BREAK:
                return nodes.Break(self._loop_control(token))
            case Kind.CONTINUE:
                return nodes.Continue(self._loop_control(token))
            case Kind.ELSE:
                return self._else()
            case Kind.END:
                self._expect(Kind.RIGHT_DELIM, "end")
                return Mark.END
            case Kind.IF | Kind.WITH:
                return self._branch(token)
            case Kind.RANGE:
                return self._range(token)
            case Kind.TEMPLATE:
                return self._invocation()
        self._pushed.append(token)
        return nodes.Action(token.start, self._pipeline("command", Kind.RIGHT_DELIM))

    def _loop_control(self, word: Token) -> int:
        name = f"{{{{{word.text}}}}}"
        token = self._next_word()
        if token.kind is not Kind.RIGHT_DELIM:
            self._unexpected(token, name)
        if not self._ranges:
            self._fail(f"{name} outside {{{{range}}}}")
        return word.start

    def _else(self) -> Mark:
        if self._peek_word().kind not in (Kind.IF, Kind.WITH):
            self._expect(Kind.RIGHT_DELIM, "else")
        return Mark.ELSE

    def _branch(self, word: Token) -> nodes.Branch:
        declared = len(self._variables)
        clauses: list[nodes.Clause] = []
        mark = Mark.ELSE
        while mark is Mark.ELSE and (not clauses or self._peek().kind is word.kind):
            if clauses:
                self._next()
            pipeline = self._pipeline(word.text, Kind.RIGHT_DELIM)
            body, mark = self._body()
            clauses.append(nodes.Clause(pipeline, body))
        otherwise = self._otherwise() if mark is Mark.ELSE else None
        del self._variables[declared:]
        return nodes.Branch(word.start, word.kind is Kind.WITH, tuple(clauses), otherwise)

    def _range(self, word: Token) -> nodes.Range:
        declared = len(self._variables)
        pipeline = self._pipeline("range", Kind.RIGHT_DELIM)
        self._ranges += 1
        body, mark = self._body()
        self._ranges -= 1
        otherwise = self._otherwise() if mark is Mark.ELSE else None
        del self._variables[declared:]
        return nodes.Range(word.start, pipeline, body, otherwise)

    def _otherwise(self) -> nodes.Body:
        body, mark = self._body()
        if mark is not Mark.END:
            self._fail(f"expected end; found {mark.value}")
        return body

    def _block(self) -> nodes.Invocation:
        context = "block clause"
        token = self._next_word()
        name = self._template_name(token, context)
        pipeline = self._pipeline(context, Kind.RIGHT_DELIM)
        _Parser(self._source, name)._named_body(context)
        return nodes.Invocation(token.start, name, pipeline)

    def _invocation(self) -> nodes.Invocation:
        context = "template clause"
        token = self._next_word()
        name = self._template_name(token, context)
        pipeline = None
        after = self._next_word()
        if after.kind is not Kind.RIGHT_DELIM:
            self._pushed.append(after)
            pipeline = self._pipeline(context, Kind.RIGHT_DELIM)
        return nodes.Invocation(token.start, name, pipeline)

    def _template_name(self, token: Token, context: str) -> str:
        if token.kind not in (Kind.STRING, Kind.RAW_STRING):
            self._unexpected(token, context)
        return self._unquoted(token)

    # Pipelines

    def _pipeline(self, context: str, end: Kind) -> nodes.Pipeline:
        start = self._peek_word().start
        variables, assigns = self._declarations(context)
        commands: list[nodes.Command] = []
        while (token := self._next_word()).kind is not end:
            if token.kind not in _TERMS:
                self._unexpected(token, context)
            self._pushed.append(token)
            commands.append(self._command())
        self._check_commands(commands, context)
        return nodes.Pipeline(start, variables, assigns, tuple(commands))

    def _declarations(self, context: str) -> tuple[tuple[str, ...], bool]:
        """The variables a pipeline sets, and whether it only assigns to them."""
        names: list[str] = []
        while (token := self._peek_word()).kind is Kind.VARIABLE:
            self._next_word()
            adjacent = self._peek()
            following = self._peek_word()
            if following.kind in (Kind.ASSIGN, Kind.DECLARE):
                self._next_word()
                self._declare(names, token)
                return tuple(names), following.kind is Kind.ASSIGN
            if following.kind is not Kind.CHAR or following.text != ",":
                if adjacent.kind is Kind.SPACE:
                    self._pushed.append(adjacent)
                self._pushed.append(token)
                break
            self._next_word()
            self._declare(names, token)
            if context != "range" or len(names) > 1:
                self._fail(f"too many declarations in {context}")
            if self._peek_word().kind not in (Kind.VARIABLE, Kind.RIGHT_DELIM, Kind.RIGHT_PAREN):
                self._fail("range can only initialize variables")
        return tuple(names), False

    def _declare(self, names: list[str], token: Token) -> None:
        names.append(token.text)
        self._variables.append(token.text)
        if len(self._variables) > MAX_VARIABLES:
            self._fail(f"more than {MAX_VARIABLES} variables in scope")

    def _check_commands(self, commands: list[nodes.Command], context: str) -> None:
        if not commands:
            self._fail(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.operands[0], nodes.Constant | nodes.Dot | nodes.Nil):
                self._fail(f"non executable command in pipeline stage {stage}")

    def _command(self) -> nodes.Command:
        start = self._peek_word().start
        operands: list[nodes.Operand] = []
        while True:
            self._peek_word()
            operand = self._operand()
            if operand is not None:
                operands.append(operand)
            token = self._next()
            if token.kind in (Kind.RIGHT_DELIM, Kind.RIGHT_PAREN):
                self._pushed.append(token)
                break
            if token.kind is Kind.PIPE:
                break
            if token.kind is not Kind.SPACE:
                self._unexpected(token, "operand")
        if not operands:
            self._fail("empty command")
        return nodes.Command(start, tuple(operands))

    def _operand(self) -> nodes.Operand | None:
        operand = self._term()
        if operand is None or self._peek().kind is not Kind.FIELD:
            return operand
        start = self._peek().start
        names: list[str] = []
        while self._peek().kind is Kind.FIELD:
            names.append(self._next().text[1:])
        match operand:
            case nodes.Field():
                return nodes.Field(start, (*operand.names, *names))
            case nodes.Variable():
                return nodes.Variable(start, operand.name, tuple(names))
            case nodes.Constant() | nodes.Dot() | nodes.Nil():
                self._fail(f"unexpected . after term {quote(str(operand))}")
        return nodes.Chain(start, operand, tuple(names))

    def _term(self) -> nodes.Operand | None:
        token = self._next_word()
        match token.kind:
            case Kind.IDENTIFIER:
                return self._function(token)
            case Kind.DOT:
                return nodes.Dot(token.start)
            case Kind.NIL:
                return nodes.Nil(token.start)
            case Kind.VARIABLE:
                return self._variable(token)
            case Kind.FIELD:
                return nodes.Field(token.start, (token.text[1:],))
            case Kind.LEFT_PAREN:
                with self._nested("max expression depth exceeded"):
                    return self._pipeline("parenthesized pipeline", Kind.RIGHT_PAREN)
            case Kind.BOOL:
                return nodes.Constant(token.start, token.text, token.text == "true")
            case Kind.STRING | Kind.RAW_STRING:
                return nodes.Constant(token.start, token.text, self._unquoted(token))
            case Kind.NUMBER | Kind.CHAR_CONSTANT | Kind.COMPLEX:
                return nodes.Constant(token.start, token.text, self._number(token))
        self._pushed.append(token)
        return None

    def _function(self, token: Token) -> nodes.Identifier:
        if token.text in REFUSED:
            self._fail(f"function {quote(token.text)} is not supported", token)
        if token.text not in self._source.functions:
            self._fail(f"function {quote(token.text)} not defined", token)
        return nodes.Identifier(token.start, token.text)

    def _variable(self, token: Token) -> nodes.Variable:
        if token.text not in self._variables:
            self._fail(f"undefined variable {quote(token.text)}", token)
        return nodes.Variable(token.start, token.text)

    def _unquoted(self, token: Token) -> str:
        try:
            return unquote(token.text)
        except ValueError as error:
            self._fail(str(error), token)

    def _number(self, token: Token) -> int | float:
        if token.kind is Kind.COMPLEX or token.text.endswith("i"):
            self._fail(f"complex number {token.text} is not supported", token)
        try:
            if token.kind is Kind.CHAR_CONSTANT:
                return unquote_char(token.text)
            return _number(token.text)
        except ValueError as error:
            self._fail(str(error), token)

    # Tokens

    def _next(self) -> Token:
        if self._pushed:
            return self._pushed.pop()
        self._latest = self._source.lexer.next_token()
        return self._latest

    def _peek(self) -> Token:
        if not self._pushed:
            self._pushed.append(self._next())
        return self._pushed[-1]

    def _next_word(self) -> Token:
        """The next token that is not space."""
        while (token := self._next()).kind is Kind.SPACE:
            pass
        return token

    def _peek_word(self) -> Token:
        token = self._next_word()
        self._pushed.append(token)
        return token

    def _expect(self, kind: Kind, context: str) -> None:
        token = self._next_word()
        if token.kind is not kind:
            self._unexpected(token, context)

    @contextmanager
    def _nested(self, message: str) -> Iterator[None]:
        self._source.nesting += 1
        if self._source.nesting > MAX_NESTING:
            self._fail(message.format(MAX_NESTING))
        yield
        self._source.nesting -= 1

    # Errors

    def _unexpected(self, token: Token, context: str) -> NoReturn:
        if token.kind is not Kind.ERROR:
            self._fail(f"unexpected {token} in {context}", token)
        where = ""
        if self._action_line not in (0, token.line):
            where = f" action started at frp:{self._action_line}"
            where = where.removeprefix(" action") if token.text.endswith(" action") else " in" + where
        self._fail(f"{token}{where}", token)

    def _fail(self, message: str, culprit: Token | None = None) -> NoReturn:
        """Refuse the template. The line is the one read last, as with the reference; the column is ours."""
        token = culprit if culprit and culprit.line == self._latest.line else self._latest
        line_start = self._source.text.rfind("\n", 0, token.start) + 1
        column = len(to_bytes(self._source.text[line_start : token.start])) + 1
        raise TemplateError(f"template: frp:{token.line}: {message} (column {column})", token.line, column)


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
