"""The direction of imports: every part of the package imports only parts below it, and files import in no circle.

The order is that of the design page. Both sides of the tunnel stand on one step and never see each other. Imports
for types alone count like all others. Tasks start in one place.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "aiofrp"

#: From the top down; parts on one line are neighbours, and a neighbour may not be imported either.
ORDER = [
    {""},  # the package itself, which leads to the library
    {"pytest_plugin", "hooks"},
    {"cli"},
    {"library"},
    {"server", "client"},
    {"proxy"},
    {"plugin"},
    {"host"},
    {"webserver"},
    {"nat"},
    {"transport"},
    {"vnet"},
    {"http"},
    {"stream"},
    {"config"},
    {"registry"},
    {"wire"},
    {"aio", "logs", "errors", "version"},
    {"loghandlers"},
    {"faults", "output", "hints", "logforms", "logtail", "compiled"},
]
STEP = {part: step for step, parts in enumerate(ORDER) for part in parts}

#: Packages that may use nothing of the project but these.
ONLY = {
    "wire": {"errors", "compiled"},
    "stream": {"wire", "aio", "logs", "errors", "faults", "compiled"},
    "http": {"stream", "wire", "aio", "logs", "errors", "faults", "compiled", "version"},
}

#: What stands in INSIDE for all files that lie directly in the folder of a part.
FILES = "*.py"
#: The same order inside a part, by folder or file.
INSIDE = {
    "wire": [{"nathole"}, {"frp", "http", "dial", "kcp", "quic"}, {"transforms"}, {FILES}],
    "stream": [{"tls", "mux", "kcp", "quic"}, {"udp"}, {FILES}],
    "http": [{"serve"}, {"v1", "v2"}, {FILES}],
    "client": [{"service"}, {"api", "oidc"}, {FILES}, {"sources", "hints"}],
    "proxy": [{FILES}, {"datagrams", "direct"}],
    "config": [
        {"tools", "flags"},
        {"load"},
        {"legacy"},
        {"models", "formats"},
        {"problem"},
        {"near"},
        {"golang"},
    ],
}

#: Folders and files that may use nothing of the project but these modules and what is in their own folder.
ALONE = {
    "config/golang": {"aiofrp.errors"},
    "config/legacy/ini.py": {"aiofrp.errors", "aiofrp.config.golang"},
    "config/legacy/reader.py": {"aiofrp.config.golang", "aiofrp.config.legacy.ini"},
}

#: Files that still import each other in a circle. A circle may lose files, and its row here with it; none may come.
KNOWN_CIRCLES: list[set[str]] = []

#: Libraries whose inner parts are used or that are slow to load, and the one file that may import each.
DOORS = {
    "qh3": "stream/quic/core/library.py",
    "joserfc": "server/oidc/token.py",
    "asyncssh": "server/ssh/gateway.py",
    "pyroute2": "vnet/tun.py",
}

#: The calls that start a task nobody owns, and the one module that may make them.
TASK_STARTERS = {"create_task", "ensure_future"}
TASK_OWNER = "aio"


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


@cache
def tree_of(path: Path) -> ast.AST:
    """The syntax of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def part_of(path: Path) -> str:
    """The part a file belongs to: its top package or the module's own name; "" for the package itself."""
    return path.relative_to(SOURCE).with_suffix("").parts[0].replace("__init__", "").replace("__main__", "")


@cache
def imported_names(path: Path) -> list[tuple[int, str]]:
    """Line and absolute dotted name of everything a file imports, wherever in it the import stands."""
    return list(_imported_names(path))


def _imported_names(path: Path) -> Iterator[tuple[int, str]]:
    package = ["aiofrp", *path.relative_to(SOURCE).parts[:-1]]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            base = [*base, node.module] if node.module else base
            yield from ((node.lineno, ".".join([*base, name.name])) for name in node.names)


def imported_parts(path: Path) -> Iterator[tuple[int, str]]:
    """Line and part for each import of the project; names of the package itself (FRP_VERSION) are no part."""
    for line, name in imported_names(path):
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


def complaints_inside(path: Path) -> list[str]:
    """Everything in a file that goes against the order inside its part."""
    where = path.relative_to(SOURCE)
    steps = {name: step for step, names in enumerate(INSIDE.get(part_of(path), ())) for name in names}
    if not steps or len(where.parts) < 2 or where.parts[1] == "__init__.py":
        return []
    inner = _inner(where.parts[1], steps)
    found = [] if inner in steps else [f"{where}: {inner} is not in the order of {part_of(path)}"]
    for line, name in imported_names(path):
        root, part, target, *_ = [*name.split("."), "", "", ""]
        target = _inner(target if (SOURCE / part / target).is_dir() else f"{target}.py", steps)
        inside = (root, part) == ("aiofrp", part_of(path)) and target in steps.keys() - {inner}
        if inside and steps[target] <= steps.get(inner, -1):
            found.append(f"{where}:{line} {part}.{inner} imports {part}.{target}, which is not below it")
    return found


def _inner(name: str, steps: dict[str, int]) -> str:
    """The word that stands in ``steps`` for a folder or file directly in the folder of a part."""
    own = name.removesuffix(".py")
    return FILES if own != name and own not in steps and FILES in steps else own


def complaints_alone(path: Path) -> list[str]:
    """What a file of :data:`ALONE` imports of the project and may not."""
    where = path.relative_to(SOURCE).as_posix()
    row = next((row for row in ALONE if where == row or where.startswith(f"{row}/")), None)
    if row is None:
        return []
    allowed = set(ALONE[row]) if row.endswith(".py") else {*ALONE[row], f"aiofrp.{row.replace('/', '.')}"}
    return [
        f"{where}:{line} imports {name}, and may only import {sorted(allowed)}"
        for line, name in imported_names(path)
        if name.partition(".")[0] == "aiofrp"
        and not any(name == good or name.startswith(f"{good}.") for good in allowed)
    ]


def imported_files(path: Path) -> set[Path]:
    """The files of the project a file imports from: a module, or a package's ``__init__.py``.

    The top package counts for nothing: it holds version numbers and leads to the library only when asked.
    """
    found = set()
    for _, name in imported_names(path):
        root, *parts = name.split(".")
        if root == "aiofrp":
            places = [SOURCE.joinpath(*parts[:count]) for count in range(len(parts), 0, -1)]
            files = [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py")]
            found |= {next((file for file in files if file.is_file()), path)}
    return found - {path}


def circles() -> list[set[str]]:
    """The files that lead back to themselves, in sets of those that lead to each other."""
    below = {path: imported_files(path) for path in modules()}
    reached = {path: reach(below, path) for path in below}
    loops = {path: {other for other in reached[path] if path in reached[other]} for path in below}
    return [
        {path.relative_to(SOURCE).as_posix() for path in loop}
        for first, loop in loops.items()
        if loop and first == min(loop)
    ]


def reach(below: dict[Path, set[Path]], start: Path) -> set[Path]:
    """All files some imports away from ``start``."""
    found: set[Path] = set()
    pending = [start]
    while pending:
        new = below.get(pending.pop(), set()) - found
        found |= new
        pending += new
    return found


def past_the_door(path: Path) -> list[str]:
    """Imports of a library of :data:`DOORS` in any file but its own."""
    where = path.relative_to(SOURCE).as_posix()
    return [
        f"{where}:{line} imports {name}, which only {DOORS[root]} may"
        for line, name in imported_names(path)
        if (root := name.partition(".")[0]) in DOORS and DOORS[root] != where
    ]


def bare_tasks(path: Path) -> list[str]:
    """Places where a file starts a task by itself."""
    tree = tree_of(path)
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


def test_imports_inside_a_part_go_down() -> None:
    found = [line for path in modules() for line in (*complaints_inside(path), *complaints_alone(path))]
    assert not found, "\n".join(found)


def test_no_circle_of_files() -> None:
    found = circles()
    fresh = [sorted(circle) for circle in found if not any(circle <= known for known in KNOWN_CIRCLES)]
    assert not fresh, f"files that import each other: {fresh}"
    gone = set().union(*KNOWN_CIRCLES) - set().union(*found)
    assert not gone, f"no longer in a circle, take them out of KNOWN_CIRCLES: {sorted(gone)}"


def test_one_file_imports_each_library_with_a_door() -> None:
    found = [line for path in modules() for line in past_the_door(path)]
    assert not found, "\n".join(found)
    assert "qh3" in {name.partition(".")[0] for _, name in imported_names(SOURCE / DOORS["qh3"])}


def test_tasks_have_an_owner() -> None:
    found = [line for path in modules() for line in bare_tasks(path)]
    assert not found, "use aiofrp.aio.Scope.spawn:\n" + "\n".join(found)


def test_every_part_has_its_place() -> None:
    parts = {part_of(path) for path in modules()}
    assert parts <= STEP.keys()


@pytest.mark.parametrize(
    ("place", "text", "expected"),
    [
        ("stream/x.py", "from aiofrp.config import models", "may only import"),
        ("stream/x.py", "def f():\n    import aiofrp.transport.base", "not below"),
        ("server/x.py", "from aiofrp.client.control import Control", "not below"),
        ("wire/x.py", "from aiofrp import logs", "may only import"),
        ("logs.py", "from aiofrp import aio", "not below"),
        ("server/x.py", "from ..client import control", "not below"),
        ("server/x.py", "from . import control\nfrom .control import Control", ""),
        (
            "server/x.py",
            "from aiofrp.version import FRP_VERSION\nfrom aiofrp.wire.frp.codec import Codec",
            "",
        ),
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


@pytest.mark.parametrize(
    ("place", "text", "expected"),
    [
        ("config/golang/x.py", "from aiofrp.config.models import model", "not below"),
        ("config/golang/x.py", "from aiofrp import registry", "may only import"),
        ("config/golang/x.py", "from aiofrp.errors import ConfigError\nfrom . import y", ""),
        ("config/legacy/ini.py", "from aiofrp.config.models import model", "may only import"),
        ("config/models/x.py", "def f():\n    from aiofrp.config.formats import toml", "not below"),
        ("config/load/x.py", "from aiofrp.config.formats import toml\nfrom .y import z", ""),
        ("config/x.py", "import os", "not in the order"),
        ("wire/other/x.py", "import os", "not in the order"),
        ("wire/x.py", "from aiofrp.wire.frp.codec import Codec", "not below"),
        ("wire/frp/x.py", "from aiofrp.wire.http import head", "not below"),
        ("wire/frp/x.py", "from aiofrp.wire.sniff import Kind\nfrom aiofrp.wire.transforms import base", ""),
        ("stream/x.py", "from aiofrp.stream.y import z", ""),
        ("stream/x.py", "from .tls.stream import z", "not below"),
        ("stream/tls/x.py", "from aiofrp.stream.mux.stream import z", "not below"),
    ],
)
def test_the_check_sees_inside(
    place: str, text: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part, order in INSIDE.items():
        for name in set().union(*order) - {FILES}:
            (tmp_path / part / name).mkdir(parents=True)
    monkeypatch.setattr("tests.test_imports.SOURCE", tmp_path)
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    found = [*complaints_inside(path), *complaints_alone(path)]
    assert expected in "".join(found) if expected else not found


def test_the_check_sees_circles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_imports.SOURCE", tmp_path)
    for name, text in {
        "__init__.py": "",
        "wire/__init__.py": "from aiofrp.wire.a import x",
        "wire/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from aiofrp.wire import b",
        "wire/b.py": "def f():\n    from .c import y",
        "wire/c.py": "import aiofrp.wire.a",
        "wire/d.py": "from aiofrp.wire.a import x",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert circles() == [{"wire/a.py", "wire/b.py", "wire/c.py"}]


def test_the_check_sees_who_goes_past_a_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_imports.SOURCE", tmp_path)
    for name in ("x.py", DOORS["qh3"]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("def f():\n    from qh3 import tls\n")
    assert past_the_door(tmp_path / "x.py") == [
        "x.py:2 imports qh3.tls, which only stream/quic/core/library.py may"
    ]
    assert not past_the_door(tmp_path / DOORS["qh3"])


def test_the_check_sees_bare_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_imports.SOURCE", tmp_path)
    path = tmp_path / "x.py"
    path.write_text("async def f(loop, g):\n    loop.create_task(g())\n")
    assert bare_tasks(path) == ["x.py:2 create_task"]
