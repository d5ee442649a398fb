"""gradus predict: what a trained run says of files, folders and arrays."""

import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from gradus.cli import arguments
from gradus.cli.finish import open_named
from gradus.cli.main import printable
from gradus.core.errors import GradusError, UsageError
from gradus.core.files import json_line
from gradus.engine.job import Deployable
from gradus.ship.follow import follow
from gradus.ship.predict import expand, passed_over, predict, save_answers


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    """Answer for files, folders or arrays."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """The run folder that `gradus train` printed."""
    inputs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="INPUT")]
    """Files, folders of files, .npy or .npz arrays."""
    out: Path | None = None
    """Folder for answers.jsonl and a picture of each answer."""
    json: bool = False
    """Print one JSON line an input."""
    skip_bad: bool = False
    """Leave out inputs that cannot be read, name and count them, and go on with the others."""
    follow: bool = False
    """Answer the lines of one INPUT as they are added to it, or of standard input if it is -, in JSON."""
    job: str | None = None
    """The folder or module of the job, where the run is of a job of your own."""
    strict: bool = False
    """Refuse a run whose newest (or best) checkpoint is damaged, instead of using another and saying so."""


def run(given: list[str]) -> int:
    """Predict and print; exit status 1 at the first bad input, or if all were bad and left out."""
    asked = arguments.parse(Arguments, given, verb="predict")
    if not asked.inputs:
        raise UsageError(
            "GR-CLI-002",
            where="gradus predict",
            wanted="at least one INPUT after the run",
            got="none",
            remedy="Name files, folders of files, or .npy or .npz arrays.",
        )
    opened = open_named(asked.folder, job=asked.job, strict=asked.strict)
    deployable = opened.job.deploy(opened.config, opened.parts)
    if asked.follow:
        return _follow(deployable, asked)
    if "-" in asked.inputs and deployable.lines:
        raise UsageError(
            "GR-CLI-006",
            where="gradus predict",
            wanted="--follow beside -, to answer the lines of standard input as they come",
            got="- alone",
            remedy="Add --follow, or name a file.",
        )
    inputs = expand(asked.inputs, spoken=deployable.spoken, endings=deployable.endings)
    if others := passed_over(asked.inputs, endings=deployable.endings):
        print(f"note: {others} files with other endings passed over", file=sys.stderr)
    answers, bad = [], 0
    for raw, answer in predict(deployable, inputs, skip_bad=asked.skip_bad):
        answers.append((raw, answer))
        if isinstance(answer, GradusError):
            bad += 1
            print(printable(f"left out {answer}"), file=sys.stderr)
            continue
        line = {"input": str(raw), **answer.to_dict()}
        for shown in [json_line(line)] if asked.json else map(printable, worded(line)):
            print(shown)
    for remark in deployable.remarks(
        [answer for _, answer in answers if not isinstance(answer, GradusError)]
    ):
        print(printable(f"note: {remark}"), file=sys.stderr)
    if bad:
        print(f"{bad} of {len(answers)} inputs left out", file=sys.stderr)
    if asked.out:
        print(f"answers in {save_answers(answers, asked.out)}", file=sys.stderr)
    return 1 if bad and bad == len(answers) else 0


def _follow(deployable: Deployable, asked: Arguments) -> int:
    """Print what matters of a stream, until it ends or the user does."""
    if deployable.lines is None or len(asked.inputs) != 1 or asked.out:
        raise UsageError(
            "GR-CLI-006",
            where="gradus predict --follow",
            wanted="a run whose inputs are lines, one INPUT, and no --out",
            got="a run whose inputs are files"
            if deployable.lines is None
            else f"{len(asked.inputs)} and --out {asked.out}"
            if asked.out
            else f"{len(asked.inputs)}",
            remedy="Leave --follow out, or name one growing file, or - for standard input.",
        )
    print("following; Ctrl-C ends it", file=sys.stderr, flush=True)
    with suppress(KeyboardInterrupt):  # how a stream without end is left
        for name, answer in follow(deployable, asked.inputs[0], skip_bad=asked.skip_bad):
            if isinstance(answer, GradusError):
                print(printable(f"left out {answer}"), file=sys.stderr)
            elif deployable.matters(answer):
                print(json_line({"input": str(name), **answer.to_dict()}), flush=True)
    return 0


def worded(answer: dict[str, Any]) -> list[str]:
    """An answer as lines to read: its values on one, and below it the rows of a table that it holds."""
    tables = {
        key: value
        for key, value in answer.items()
        if isinstance(value, list) and value and all(isinstance(row, dict) for row in value)
    }
    lines = ["  ".join(f"{key} {_shown(value)}" for key, value in answer.items() if key not in tables)]
    for rows in tables.values():
        names = list(dict.fromkeys(name for row in rows for name in row))
        cells = [names, *([_shown(row.get(name, "")) for name in names] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines += [
            "  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in cells
        ]
    return lines


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_shown(item)}" for key, item in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
