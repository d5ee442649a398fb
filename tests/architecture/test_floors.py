"""The house has floors: a package imports only lower ones."""

import ast
import sys

import pytest

from tests.architecture.source import DYNAMIC, Module, called, imports, modules, parse

FLOORS = {
    "core": 0,
    "layers": 1,
    "data": 1,
    "metrics": 1,
    "models": 2,
    "engine": 2,
    "doctor": 3,
    "explain": 3,
    "ship": 3,
    "tune": 3,
    "jobs": 4,
    "lab": 5,
    "cli": 6,
}
NOT_FOR_JOBS = {"doctor", "ship", "tune", "explain"}
COMPUTED_IMPORTS = {
    "gradus/cli/main.py",
    "gradus/jobs/__init__.py",
}  # the table of verbs and the table of jobs


def climbs(module: Module) -> list[str]:
    """Each import that goes up, sideways, or from a job into what works on jobs."""
    offenders = []
    for found in imports(module):
        head, _, rest = found.target.partition(".")
        target = rest.split(".")[0]
        if head != "gradus" or target not in FLOORS or target == module.package or not module.package:
            continue
        if FLOORS[target] >= FLOORS[module.package] or (module.package == "jobs" and target in NOT_FOR_JOBS):
            offenders.append(f"{module.path}:{found.line}: {module.package} imports {found.target}")
    return offenders


def strangers(module: Module) -> list[str]:
    """Each import of core that is neither the standard library nor torch, nor gradus on a floor."""
    allowed = sys.stdlib_module_names | {"torch", "gradus"}
    found = [i for i in imports(module) if i.target.split(".")[0] not in allowed]
    return [f"{module.path}:{i.line}: core imports {i.target}" for i in found if module.package == "core"]


def computed(module: Module) -> list[str]:
    """Each import whose name is made while running, outside the two tables."""
    return [
        f"{module.path}:{node.lineno}: imports a computed name"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and called(node) in DYNAMIC
        and not isinstance(node.args[0], ast.Constant)
        if module.path not in COMPUTED_IMPORTS
    ]


def test_every_package_has_a_floor():
    assert {module.package for module in modules()} - {""} <= FLOORS.keys()


@pytest.mark.parametrize("rule", [climbs, strangers, computed])
def test_imports_go_down(rule):
    assert [offender for module in modules() for offender in rule(module)] == []


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (climbs, "gradus/core/a.py", "import gradus.layers.attention"),
        (climbs, "gradus/layers/a.py", "from gradus.data import batches"),
        (climbs, "gradus/models/a.py", "def f():\n    from gradus.engine.job import Job"),
        (climbs, "gradus/models/a.py", "from gradus import engine"),
        (climbs, "gradus/models/a.py", "from ..engine import job"),
        (climbs, "gradus/models/__init__.py", "from ..engine import job"),
        (climbs, "gradus/ship/a.py", "import importlib\nimportlib.import_module('gradus.jobs.x')"),
        (climbs, "gradus/jobs/a/job.py", "from gradus.ship.predict import predict"),
        (climbs, "gradus/jobs/a/job.py", "if True:\n    import gradus.cli.main"),
        (strangers, "gradus/core/a.py", "import numpy"),
        (strangers, "gradus/core/a.py", "def f():\n    from jaxtyping import Float"),
        (computed, "gradus/data/a.py", "from importlib import import_module\nimport_module(f'gradus.{x}')"),
    ],
)
def test_the_rules_bite(rule, path, text):
    assert len(rule(parse(path, text))) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("gradus/models/a.py", "from gradus.models.b import C\nfrom gradus.layers import d\nimport torch"),
        (
            "gradus/jobs/a/job.py",
            "from gradus.engine.job import Job\nfrom . import data\nfrom .data import f",
        ),
        ("gradus/cli/a.py", "import gradus\nfrom gradus import __version__, jobs"),
        ("gradus/__main__.py", "from gradus.cli.main import main"),
        ("gradus/core/a.py", "import torch.nn\nfrom gradus.core.errors import InputError"),
    ],
)
def test_the_rules_let_through_what_is_right(path, text):
    module = parse(path, text)
    assert [*climbs(module), *strangers(module), *computed(module)] == []
