"""The source of gradus as syntax trees, for the tests that read it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name, its path below the repository, its text and tree."""

    name: str
    path: str
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """The package right below gradus: ``core`` of gradus.core.files, nothing of gradus itself."""
        return self.name.split(".")[1] if self.path.count("/") > 1 else ""


@dataclass(frozen=True)
class Import:
    """One imported name, whole: ``torch.nn`` of ``from torch import nn``."""

    target: str
    line: int
    inside_function: bool


def parse(path: str, text: str) -> Module:
    """A source file from its text, ``path`` being what it would be called in the repository."""
    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return Module(name, path, text, ast.parse(text, path))


@cache
def modules() -> tuple[Module, ...]:
    """Every module of gradus."""
    files = sorted((ROOT / "gradus").rglob("*.py"))
    return tuple(parse(str(f.relative_to(ROOT)), f.read_text(encoding="utf-8")) for f in files)


def imports(module: Module) -> list[Import]:
    """Everything that a module imports, wherever in it; also by ``import_module`` with a literal name."""
    return list(_imports_below(module.tree, module, inside_function=False))


def _imports_below(node: ast.AST, module: Module, *, inside_function: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Import(names=names):
                yield from (Import(alias.name, child.lineno, inside_function) for alias in names)
            case ast.ImportFrom(names=names):
                base = _absolute(child, module)
                yield from (Import(f"{base}.{alias.name}", child.lineno, inside_function) for alias in names)
            case ast.Call(args=[ast.Constant(value=str(name)), *_]) if called(child) in DYNAMIC:
                yield Import(name, child.lineno, inside_function)
        deeper = inside_function or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _imports_below(child, module, inside_function=deeper)


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    """The module that a ``from`` names, with leading dots resolved."""
    if not node.level:
        return node.module or ""
    is_package = module.path.endswith("__init__.py")
    parents = module.name.split(".")[: -node.level + is_package or None]
    return ".".join([*parents, *([node.module] if node.module else [])])


DYNAMIC = ("import_module", "__import__")


def called(node: ast.Call) -> str:
    """The last part of what is called: ``import_module`` of ``importlib.import_module(...)``."""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
