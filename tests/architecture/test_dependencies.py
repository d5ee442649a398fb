"""Few dependencies, each used, none undeclared."""

import re
import sys
import tomllib

from tests.architecture.source import ROOT, imports, modules

IMPORTED_AS = {"pillow": "PIL", "scikit-learn": "sklearn"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def imported_as(requirements: list[str]) -> set[str]:
    """The module names of requirements such as ``pillow>=11.0``."""
    names = [re.match(r"[\w.-]+", requirement).group() for requirement in requirements]
    return {IMPORTED_AS.get(name, name.replace("-", "_")) for name in names}


def imported_by_gradus(*, at_the_top: bool) -> set[str]:
    """The top-level modules that gradus imports, anywhere or outside functions only."""
    found = [i for module in modules() for i in imports(module) if not (at_the_top and i.inside_function)]
    return {i.target.split(".")[0] for i in found}


CORE = imported_as(PROJECT["dependencies"])
EXTRAS = imported_as([one for group in PROJECT["optional-dependencies"].values() for one in group])
OWN = sys.stdlib_module_names | {"gradus"}


def test_at_most_nine_beside_torch():
    assert "torch" in CORE
    assert len(CORE - {"torch"}) <= 9


def test_each_is_imported():
    assert CORE - imported_by_gradus(at_the_top=False) == set()


def test_nothing_else_is_imported():
    assert imported_by_gradus(at_the_top=False) - OWN - CORE - EXTRAS == set()


def test_extras_are_imported_inside_functions():
    assert imported_by_gradus(at_the_top=True) - OWN - CORE == set()
