"""The direction of imports: every part of the package imports only parts below it. Tasks start in one place.

The order is that of the design page. Both sides of the tunnel stand on one step and never see each other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "aiofrp"

#: From the top down; parts on one line are neighbours, and a neighbour may not be imported either.
ORDER = [
    {""},  # the package itself, which leads to the library
    {"pytest_plugin"},
    {"cli", "library"},
    {"server", "client"},
    {"proxy"},
    {"plugin"},
    {"transport"},
    {"vnet"},
    {"stream"},
    {"config"},
    {"registry"},
    {"wire"},
    {"aio", "logs", "errors"},
    {"faults"},
]
STEP = {part: step for step, parts in enumerate(ORDER) for part in parts}

#: Packages that may use nothing of the project but these.
ONLY = {"wire": {"errors"}, "stream": {"wire", "aio", "logs", "errors", "faults"}}

#: The calls that start a task nobody owns, and the one module that may make them.
TASK_STARTERS = {"create_task", "ensure_future"}
TASK_OWNER = "aio"


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def part_of(path: Path) -> str:
    """The part a file belongs to: its top package or the module's own name; "" for the package itself."""
    return path.relative_to(SOURCE).with_suffix("").parts[0].replace("__init__", "").replace("__main__", "")


def imported_names(path: Path, tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of everything a file imports, wherever in it the import stands."""
    package = ["aiofrp", *path.relative_to(SOURCE).parts[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            base = [*base, node.module] if node.module else base
            yield from ((node.lineno, ".".join([*base, name.name])) for name in node.names)


def imported_parts(path: Path) -> Iterator[tuple[int, str]]:
    """Line and part for each import of the project; names of the package itself (FRP_VERSION) are no part."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for line, name in imported_names(path, tree):
        root, _, rest = name.partition(".")
        part = rest.partition(".")[0]
        if root == "aiofrp" and (
            part in STEP or (SOURCE / part).is_dir() or (SOURCE / f"{part}.py").exists()
        ):
            yield line, part


def complaints(path: Path) -> list[str]:
    """Everything in a file that goes against the order."""
    part, where = part_of(path), path.relative_to(SOURCE)
    found = []
    for line, target in imported_parts(path):
        if target in (part, ""):
            continue
        if target not in STEP or part not in STEP:
            found.append(f"{where}:{line} {part or 'aiofrp'} imports {target}: not in the order")
        elif STEP[target] <= STEP[part]:
            found.append(f"{where}:{line} {part} imports {target}, which is not below it")
        elif target not in ONLY.get(part, STEP):
            found.append(f"{where}:{line} {part} imports {target}, and may only import {sorted(ONLY[part])}")
    return found


def bare_tasks(path: Path) -> list[str]:
    """Places where a file starts a task by itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        f"{path.relative_to(SOURCE)}:{node.lineno} {node.func.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in TASK_STARTERS
        and part_of(path) != TASK_OWNER
    ]


def test_imports_go_down() -> None:
    found = [line for path in modules() for line in complaints(path)]
    assert not found, "\n".join(found)


def test_tasks_have_an_owner() -> None:
    found = [line for path in modules() for line in bare_tasks(path)]
    assert not found, "use aiofrp.aio.Scope.spawn:\n" + "\n".join(found)


def test_every_part_has_its_place() -> None:
    parts = {part_of(path) for path in modules()}
    assert parts <= STEP.keys()


@pytest.mark.parametrize(
    ("place", "text", "expected"),
    [
        ("stream/x.py", "from aiofrp.config import model", "may only import"),
        ("stream/x.py", "def f():\n    import aiofrp.transport.base", "not below"),
        ("server/x.py", "from aiofrp.client.control import Control", "not below"),
        ("wire/x.py", "from aiofrp import logs", "may only import"),
        ("logs.py", "from aiofrp import aio", "not below"),
        ("server/x.py", "from ..client import control", "not below"),
        ("server/x.py", "from . import control\nfrom .control import Control", ""),
        ("server/x.py", "from aiofrp import FRP_VERSION\nfrom aiofrp.wire.codec import Codec", ""),
    ],
)
def test_the_check_sees(
    place: str, text: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check itself, on small wrong and right files."""
    monkeypatch.setattr("tests.test_imports.SOURCE", tmp_path)
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    found = complaints(path)
    assert expected in "".join(found) if expected else not found


def test_the_check_sees_bare_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_imports.SOURCE", tmp_path)
    path = tmp_path / "x.py"
    path.write_text("async def f(loop, g):\n    loop.create_task(g())\n")
    assert bare_tasks(path) == ["x.py:2 create_task"]
