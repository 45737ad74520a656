"""Write the page about the library from its docstrings and signatures; ``--check`` says whether it is up to date."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiofrp
from aiofrp import errors, hooks
from aiofrp.server.hooks import NoHooks
from scripts._made import write_or_check

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "library.md"
#: Characters of a signature that stands in one line.
_WIDTH = 88

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_HEAD = """# Library

<!-- Made by `scripts/apipage` from the docstrings in src/aiofrp; edit those instead. -->

This page lists everything that programs may use of the library.
[Use frps and frpc inside a program](../howto/embed.md) shows how to begin, and
[Decide who may do what](../howto/decide.md) explains hooks. What is not on this page may change at any time.
"""


def page() -> str:
    """The text the page should have."""
    parts = [_HEAD]
    parts += ["## The package `aiofrp`\n", *_names(aiofrp, sorted(aiofrp.__all__, key=str.lower))]
    parts += ["## Fixtures for pytest\n", *_fixtures()]
    parts += [f"## Hooks: `aiofrp.hooks`\n\n{_text(hooks.__doc__)}\n", *_names(hooks, hooks.__all__)]
    parts += [f"## Errors: `aiofrp.errors`\n\n{_text(errors.__doc__)}\n", *_errors()]
    # ruff formats the code in Markdown as well.
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(PAGE), "-"]
    text = "\n".join(parts)
    return subprocess.run(
        command, input=text, capture_output=True, text=True, check=True, cwd=PAGE.parent
    ).stdout


def _names(module: object, names: list[str]) -> Iterator[str]:
    for name in names:
        thing = getattr(module, name)
        if isinstance(thing, str):
            yield f"### `{name}`\n\n{_CONSTANTS[name]}\n"
        elif name == "replace":
            yield (
                "### `replace`\n\n```python\ndef replace(message, /, **changes)\n```\n\n"
                "A copy of a message with other values; that of msgspec.\n"
            )
        else:
            yield from _thing(name, thing)


_CONSTANTS = {
    "FRP_VERSION": "Version of frp whose behaviour this is, as the programs say it to each other.",
    "__version__": "Version of aiofrp.",
}


def _thing(name: str, thing: object) -> Iterator[str]:
    """A function, or a class with its public members."""
    node = _node(thing)
    yield f"### `{name}`\n"
    if isinstance(node, ast.ClassDef):
        start = _method(node, "__init__")
        base = f"({', '.join(map(ast.unparse, node.bases))})" if _is_ours(node) else ""
        arguments = f"({_arguments(start)})" if start else base
        yield f"```python\n{_wrapped(f'class {name}', arguments)}\n```\n"
        yield f"{_text(ast.get_docstring(node))}\n"
        if start and (about := ast.get_docstring(start)):
            yield f"{_text(about)}\n"
        if fields := list(_fields(node, thing)):
            yield "\n".join(["| field | type | |", "|---|---|---|", *fields]) + "\n"
        for member in node.body:
            if isinstance(member, _Function) and member.name[0] != "_" and ast.get_docstring(member):
                yield _member(member)
        if name == "ServerHooks":
            for member in _node(NoHooks).body:
                if isinstance(member, ast.AsyncFunctionDef):
                    yield _member(member)
    else:
        assert isinstance(node, _Function)
        yield f"{_signature(node)}\n\n{_text(ast.get_docstring(node))}\n"


def _is_ours(node: ast.ClassDef) -> bool:
    return any("Error" in ast.unparse(base) for base in node.bases)


def _member(node: _Function) -> str:
    if any(ast.unparse(decorator).endswith("property") for decorator in node.decorator_list):
        kind = f": {ast.unparse(node.returns)}" if node.returns else ""
        return f"**`{node.name}{kind}`** — {_text(ast.get_docstring(node))}\n"
    return f"{_signature(node)}\n\n{_text(ast.get_docstring(node))}\n"


def _fields(node: ast.ClassDef, thing: object) -> Iterator[str]:
    """Rows of a table: the fields of a message or record, with the text after ``#:`` or below."""
    lines = _source(thing).splitlines()
    for member, following in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(member, ast.AnnAssign) or not isinstance(member.target, ast.Name):
            continue
        about = re.search(r"#: ?(.*)", lines[member.lineno - 1])
        text = about[1] if about else ""
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            text = " ".join(str(following.value.value).split())
        kind = ast.unparse(member.annotation).replace("Int64", "int").replace("|", "\\|")
        if member.target.id[0] != "_":
            yield f"| `{member.target.id}` | `{kind}` | {_text(text)} |"


def _fixtures() -> Iterator[str]:
    plugin = importlib.import_module("aiofrp.pytest_plugin")
    tree = ast.parse(inspect.getsource(plugin))
    for node in tree.body:
        if isinstance(node, _Function) and any(
            "fixture" in ast.unparse(decorator) for decorator in node.decorator_list
        ):
            yield f"**`{node.name}`** — {_text(ast.get_docstring(node))}\n"


def _errors() -> Iterator[str]:
    """The tree of errors as a table; each stands below its base."""
    yield "| error | base | when |\n|---|---|---|"
    for node in ast.parse(inspect.getsource(errors)).body:
        if isinstance(node, ast.ClassDef):
            (base,) = node.bases
            text = " ".join(_text(ast.get_docstring(node)).split())
            yield f"| `{node.name}` | `{ast.unparse(base)}` | {text} |"
    yield ""


def _node(thing: object) -> ast.ClassDef | _Function:
    name = thing.__qualname__  # type: ignore[attr-defined]
    (node,) = (
        node
        for node in ast.parse(_source(thing)).body
        if isinstance(node, ast.ClassDef | _Function) and node.name == name
    )
    return node


def _source(thing: object) -> str:
    """The text of the module that defines a thing; it may be compiled, and then ``inspect`` does not find it."""
    file = Path(str(sys.modules[thing.__module__].__file__))
    return file.with_name(file.name.partition(".")[0] + ".py").read_text(encoding="utf-8")


def _method(node: ast.ClassDef, name: str) -> _Function | None:
    found = [item for item in node.body if isinstance(item, _Function) and item.name == name]
    made = f"{node.name}.__init__ is not for users"
    private = "Made by" in (ast.get_docstring(node) or made)
    return None if private or not found else found[0]


def _arguments(node: _Function) -> str:
    arguments = node.args
    first = [*arguments.posonlyargs, *arguments.args][:1]
    if first and first[0].arg == "self":
        (arguments.posonlyargs or arguments.args).pop(0)
    return ast.unparse(arguments).removeprefix("/, ")


def _signature(node: _Function) -> str:
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"```python\n{_wrapped(f'{word} {node.name}', f'({_arguments(node)})', returns)}\n```"


def _wrapped(name: str, arguments: str, after: str = "") -> str:
    """A signature in one line, or with an argument on each."""
    parts, depth, part = [], 0, ""
    for letter in arguments[1:-1]:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth:
            parts.append(part)
            part = ""
        else:
            part += letter
    # ast writes defaults of annotated arguments without blanks.
    parts = [re.sub(r"(: .+?)=", r"\1 = ", text.strip()) for text in [*parts, part]]
    line = f"{name}({', '.join(parts)}){after}" if arguments else f"{name}{after}"
    if len(line) <= _WIDTH:
        return line
    return "\n".join([f"{name}(", *(f"    {text}," for text in parts), f"){after}"])


def _text(docstring: str | None) -> str:
    """A docstring as Markdown: roles and double backquotes as code, literal blocks as code blocks."""
    text = inspect.cleandoc(docstring or "")
    text = re.sub(r":\w+:`~?([^`]+)`", lambda found: f"`{found[1].removeprefix('aiofrp.errors.')}`", text)
    text = text.replace("``", "`")
    lines: list[str] = []
    code, indent = False, 0
    rest = text.splitlines()
    for at, line in enumerate(rest):
        if line.endswith("::"):
            code = True
            first = next((following for following in rest[at + 1 :] if following), "")
            indent = len(first) - len(first.lstrip())
            lines += [line[:-1], "", "```python"]
        elif code and not line.strip() and lines[-1] == "```python":
            continue
        elif code and not line.strip() and not _goes_on(rest[at:]):
            code = False
            lines += ["```", ""]
        else:
            lines.append(line[indent:] if code else line)
    return "\n".join([*lines, "```"] if code else lines)


def _goes_on(lines: list[str]) -> bool:
    """Whether a literal block goes on after an empty line: the next line is indented."""
    following = next((line for line in lines if line.strip()), "")
    return following.startswith("    ")


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, page(), "apipage"))
