"""Build the tree of a template from its tokens.

A recursive descent over Go's grammar: bodies and actions here, expressions in
:mod:`~aiofrp.config.golang.template.syntax.pipelines`. The parser knows which functions exist, but not what they do. It
accepts what Go accepts, except for ``block``, the functions listed in ``pipelines.REFUSED`` and complex
numbers, which it refuses by name. ``define`` and ``template`` stay: recorded configurations use them.
"""

from __future__ import annotations

import enum
from collections.abc import Collection
from typing import Final

from aiofrp.config.golang.literals import quote
from aiofrp.config.golang.template.syntax import nodes
from aiofrp.config.golang.template.syntax.lex import Token, TokenKind
from aiofrp.config.golang.template.syntax.pipelines import Pipelines
from aiofrp.config.golang.template.syntax.tokens import TemplateSource, Tokens

MAX_STATEMENTS: Final = 200_000
"""How many pieces of text and actions a template may have: about 100 MB of tree."""


class Mark(enum.Enum):
    """The actions that end a body."""

    END = "{{end}}"
    ELSE = "{{else}}"


def parse_text(name: str, text: str, functions: Collection[str]) -> nodes.Template:
    """Parse the whole template ``text``, which may call ``functions``. Raises :exc:`TemplateError`."""
    source = TemplateSource(name, text, functions)
    _TemplateParser(source, name).file()
    return source.template


class _TemplateParser:
    """Parses one body by name: the file itself or a ``define``."""

    __slots__ = ("_name", "_pipelines", "_ranges", "_source", "_tokens")

    def __init__(self, source: TemplateSource, name: str) -> None:
        self._source = source
        self._name = name
        self._tokens = Tokens(source)
        self._pipelines = Pipelines(self._tokens, source.functions)
        self._ranges = 0  # nesting of range: where break and continue make sense

    # Bodies

    def file(self) -> None:
        """Parse the whole text: the body of the file, and every ``define`` at its top level."""
        body: list[nodes.Statement] = []
        while self._tokens.peek().kind is not TokenKind.EOF:
            if self._tokens.peek().kind is TokenKind.LEFT_DELIM and self._definition():
                continue
            statement = self._statement()
            if isinstance(statement, Mark):
                self._tokens.fail(f"unexpected {statement.value}")
            body.append(statement)
        self._add(tuple(body))

    def _definition(self) -> bool:
        """Parse a ``define``, if the action ahead is one."""
        opening = self._tokens.next()
        word = self._tokens.next_word()
        if word.kind is not TokenKind.DEFINE:
            self._tokens.push(word, opening)
            return False
        _TemplateParser(self._source, "definition")._define()
        return True

    def _define(self) -> None:
        context = "define clause"
        name = self._tokens.next_word()
        self._name = self._template_name(name, context)
        self._tokens.expect(TokenKind.RIGHT_DELIM, context)
        body, mark = self._body()
        if mark is not Mark.END:
            self._tokens.fail(f"unexpected {mark.value} in {context}")
        self._add(body)

    def _add(self, body: nodes.Body) -> None:
        bodies = self._source.template.bodies
        known = bodies.get(self._name)
        if known is None or nodes.is_empty(known):
            bodies[self._name] = body
        elif not nodes.is_empty(body):
            self._tokens.fail(f"template: multiple definition of template {quote(self._name)}")

    def _body(self) -> tuple[nodes.Body, Mark]:
        """Everything up to the next ``end`` or ``else`` of this level."""
        body: list[nodes.Statement] = []
        with self._tokens.nested("nesting exceeds {} levels"):
            while True:
                if self._tokens.peek_word().kind is TokenKind.EOF:
                    self._tokens.fail("unexpected EOF")
                statement = self._statement()
                if isinstance(statement, Mark):
                    return tuple(body), statement
                body.append(statement)

    def _statement(self) -> nodes.Statement | Mark:
        token = self._tokens.next_word()
        self._source.statements += 1
        if self._source.statements > MAX_STATEMENTS:
            self._tokens.fail(f"template has more than {MAX_STATEMENTS} parts")
        if token.kind is TokenKind.TEXT:
            return nodes.Text(token.start, token.text)
        if token.kind is not TokenKind.LEFT_DELIM:
            self._tokens.unexpected(token, "input")
        self._tokens.action_line = token.line
        statement = self._action()
        self._tokens.action_line = 0
        return statement

    # Actions

    def _action(self) -> nodes.Statement | Mark:
        token = self._tokens.next_word()
        match token.kind:
            case TokenKind.BLOCK:
                self._tokens.fail('action "block" is not supported', token)
            case TokenKind.BREAK:
                return nodes.Break(self._loop_control(token))
            case TokenKind.CONTINUE:
                return nodes.Continue(self._loop_control(token))
            case TokenKind.ELSE:
                return self._else()
            case TokenKind.END:
                self._tokens.expect(TokenKind.RIGHT_DELIM, "end")
                return Mark.END
            case TokenKind.IF | TokenKind.WITH:
                return self._branch(token)
            case TokenKind.RANGE:
                return self._range(token)
            case TokenKind.TEMPLATE:
                return self._invocation()
        self._tokens.push(token)
        return nodes.ActionNode(token.start, self._pipelines.pipeline("command", TokenKind.RIGHT_DELIM))

    def _loop_control(self, word: Token) -> int:
        name = f"{{{{{word.text}}}}}"
        token = self._tokens.next_word()
        if token.kind is not TokenKind.RIGHT_DELIM:
            self._tokens.unexpected(token, name)
        if not self._ranges:
            self._tokens.fail(f"{name} outside {{{{range}}}}")
        return word.start

    def _else(self) -> Mark:
        if self._tokens.peek_word().kind not in (TokenKind.IF, TokenKind.WITH):
            self._tokens.expect(TokenKind.RIGHT_DELIM, "else")
        return Mark.ELSE

    def _branch(self, word: Token) -> nodes.Branch:
        declared = self._pipelines.mark()
        clauses: list[nodes.Clause] = []
        mark = Mark.ELSE
        while mark is Mark.ELSE and (not clauses or self._tokens.peek().kind is word.kind):
            if clauses:
                self._tokens.next()
            pipeline = self._pipelines.pipeline(word.text, TokenKind.RIGHT_DELIM)
            body, mark = self._body()
            clauses.append(nodes.Clause(pipeline, body))
        otherwise = self._otherwise() if mark is Mark.ELSE else None
        self._pipelines.forget(declared)
        return nodes.Branch(word.start, word.kind is TokenKind.WITH, tuple(clauses), otherwise)

    def _range(self, word: Token) -> nodes.Range:
        declared = self._pipelines.mark()
        pipeline = self._pipelines.pipeline("range", TokenKind.RIGHT_DELIM)
        self._ranges += 1
        body, mark = self._body()
        self._ranges -= 1
        otherwise = self._otherwise() if mark is Mark.ELSE else None
        self._pipelines.forget(declared)
        return nodes.Range(word.start, pipeline, body, otherwise)

    def _otherwise(self) -> nodes.Body:
        body, mark = self._body()
        if mark is not Mark.END:
            self._tokens.fail(f"expected end; found {mark.value}")
        return body

    def _invocation(self) -> nodes.InvocationNode:
        context = "template clause"
        token = self._tokens.next_word()
        name = self._template_name(token, context)
        pipeline = None
        after = self._tokens.next_word()
        if after.kind is not TokenKind.RIGHT_DELIM:
            self._tokens.push(after)
            pipeline = self._pipelines.pipeline(context, TokenKind.RIGHT_DELIM)
        return nodes.InvocationNode(token.start, name, pipeline)

    def _template_name(self, token: Token, context: str) -> str:
        if token.kind not in (TokenKind.STRING, TokenKind.RAW_STRING):
            self._tokens.unexpected(token, context)
        return self._pipelines.unquoted(token)
