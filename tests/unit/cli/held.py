"""gradus held to a bad input: one error with its code and its words, an exit status, and nothing left."""

import re
import shlex
from pathlib import Path

import pytest

from gradus.cli.main import main
from tests.unit.cli.bad_inputs import Case

FINDINGS = Path(__file__).parents[3] / "docs" / "findings"
SHORT = ["--train.steps", "4", "--train.precision", "fp32"]


def hold(case: Case, place: Path, capsys) -> None:
    """Make the case's input in the working folder, give its command, and look at what came of it."""
    case.make(place)
    before = contents(place)
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        case.system(patch)
        status = main(arguments(case.command))
    said = capsys.readouterr().err
    assert (re.findall("^error (.*?):", said, re.MULTILINE), status) == ([case.code], case.status), said
    assert [word for word in case.says if word not in said] == [], said
    assert "Traceback" not in said
    assert len(said.splitlines()) == 5
    assert (FINDINGS / f"{case.code}.md").is_file()
    assert contents(place) == before


def arguments(command: str) -> list[str]:
    """A command as it is given; training that ought not to begin would be short."""
    given = shlex.split(command)
    trains = given[0] == "train" and "--train.steps" not in given and given[-1] != "--train.rate"
    return [*given, *(SHORT if trains else [])]


def contents(folder: Path) -> dict[str, object]:
    """Everything below a folder, by name: the bytes of files, where links lead."""
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        content = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(folder))] = content
    return found
