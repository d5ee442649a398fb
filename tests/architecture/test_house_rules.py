"""House rules that a program can check exactly; each is a function from a module to its offenders."""

import ast
import builtins
import re
from collections.abc import Iterator

import pytest

from tests.architecture.source import ROOT, Module, modules, parse

OUR_ERRORS = {"GradusError", "InputError", "UsageError"}
READ = ("gradus", "tests", "docs", "bench", ".ci")
SUFFIXES = {".py", ".md", ".toml", ".txt", ".json", ".yaml", ".yml", ".sh", ".cfg", ".svg", ".html", ""}
FOLDERS = ("farm", "home", "root", "Users", "work")
REGISTRIES = ("debian", "npm", "pypi")
# Put together from parts: this file is searched as well.
MACHINE = re.compile(
    rf"(?<![\w.])/(?:{'|'.join(FOLDERS)})/|index-{'url'}|:/{'/'}[^\s/]*(?:{'|'.join(REGISTRIES)})"
)
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX)\b")


def inherits(module: Module) -> Iterator[int]:
    """Classes are modules, records, protocols and errors: nothing else is inherited from."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef) and (node.keywords or not all(map(_is_allowed_base, node.bases))):
            yield node.lineno


def _is_allowed_base(base: ast.expr) -> bool:
    name = ast.unparse(base)
    builtin = vars(builtins).get(name)
    is_exception = isinstance(builtin, type) and issubclass(builtin, BaseException)
    return (
        name in ("nn.Module", "torch.nn.Module")
        or name.split("[")[0] == "Protocol"
        or is_exception
        or name in OUR_ERRORS
    )


def asks_for_attributes(module: Module) -> Iterator[int]:
    """No hasattr: a value's type says what it has."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name) and node.id == "hasattr":
            yield node.lineno


def is_unfinished(module: Module) -> Iterator[int]:
    """No marks of work left over, and nothing raised in the place of work."""
    for number, line in enumerate(module.text.splitlines(), 1):
        if UNFINISHED.search(line):
            yield number
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Raise) and node.exc and "NotImplementedError" in ast.unparse(node.exc):
            yield node.lineno


def swallows_errors(module: Module) -> Iterator[int]:
    """No handler that does nothing, and none without a type."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler):
            body = node.body[0]
            idle = isinstance(body, ast.Pass) or (
                isinstance(body, ast.Expr) and isinstance(body.value, ast.Constant)
            )
            if node.type is None or (len(node.body) == 1 and idle):
                yield node.lineno


def says_nothing(module: Module) -> Iterator[int]:
    """Every module with something in it opens with what it is."""
    if module.tree.body and not ast.get_docstring(module.tree):
        yield 1


RULES = [inherits, asks_for_attributes, is_unfinished, swallows_errors, says_nothing]


@pytest.mark.parametrize("rule", RULES)
def test_every_module_keeps(rule):
    assert [f"{m.path}:{line}: {rule.__doc__}" for m in modules() for line in rule(m)] == []


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (inherits, "class A(nn.Sequential): ..."),
        (inherits, "class A(B): ..."),
        (inherits, "class A(nn.Module, Mixin): ..."),
        (inherits, "class A(metaclass=M): ..."),
        (inherits, "class A(print): ..."),
        (asks_for_attributes, "if hasattr(a, 'b'): c()"),
        (is_unfinished, "a = 1  # TO" + "DO later"),
        (is_unfinished, "raise NotImplementedError('later')"),
        (swallows_errors, "try:\n    a()\nexcept ValueError:\n    pass"),
        (swallows_errors, "try:\n    a()\nexcept ValueError:\n    ..."),
        (swallows_errors, "try:\n    a()\nexcept:\n    b()"),
        (says_nothing, "a = 1"),
    ],
)
def test_each_rule_bites(rule, text):
    assert len(list(rule(parse("gradus/core/a.py", text)))) == 1


def test_the_rules_let_through_what_is_right():
    text = '''"""A module."""
class A(nn.Module): ...
class B(Protocol): ...
class C(Exception): ...
class D(InputError): ...
class E: ...
try:
    a()
except ValueError:
    b = None
try:
    a()
except NotImplementedError as error:
    raise ValueError from error
'''
    assert [line for rule in RULES for line in rule(parse("gradus/core/a.py", text))] == []


def files_to_read() -> Iterator[str]:
    """Every text file of the repository, below it."""
    for path in sorted([*ROOT.iterdir(), *(p for folder in READ for p in (ROOT / folder).rglob("*"))]):
        if path.is_file() and path.suffix in SUFFIXES and "__pycache__" not in path.parts:
            yield str(path.relative_to(ROOT))


def test_no_file_names_a_machine():
    own = str(ROOT.joinpath("tests/architecture/test_house_rules.py").relative_to(ROOT))
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name in files_to_read()
        if name != own
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1)
        if MACHINE.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        *(f"see /{folder}/x" for folder in FOLDERS),
        *(f"https://{registry}.example/simple" for registry in REGISTRIES),
        "pip --index-" + "url x",
    ],
)
def test_a_machine_is_recognised(text):
    assert MACHINE.search(text)


@pytest.mark.parametrize("text", ["homework/a", "runs/root/x", "https://example.com/home/", "a/work/b"])
def test_other_paths_are_none(text):
    assert not MACHINE.search(text)
