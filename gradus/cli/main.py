"""The command line: picks the verb, shows its help, and turns errors into one clear message and a status."""

import importlib
import os
import sys
from collections.abc import Sequence
from signal import SIGINT

from gradus import __version__
from gradus.core.errors import GradusError, InputError, UsageError
from gradus.core.findings import PAGES
from gradus.engine.signals import Interrupted, raised

VERBS: dict[str, tuple[str, str]] = {
    "jobs": ("", "list jobs, their recipes and what each expects"),
    "train": ("JOB[/RECIPE]", "train a recipe, evaluate it against its baseline, and write a run folder"),
    "resume": ("RUN", "go on exactly where a run was stopped; with --train.steps, extend it"),
    "evaluate": ("RUN", "score a run again, or on other data"),
    "predict": ("RUN INPUT...", "answer for files, folders or arrays"),
    "report": ("RUN", "write a run's report.html again"),
    "data": ("list|fetch|check", "the data sets that gradus knows, and a look at your own data"),
    "check": ("JOB", "hold a job, yours or ours, to the contract"),
    "new": ("job NAME", "write a folder with a new job that passes its check"),
    "bench": ("JOB/RECIPE", "train a recipe over several seeds or folds and write the record"),
}


def usage() -> str:
    """What ``gradus --help`` prints."""
    width = max(len(f"{verb} {takes}") for verb, (takes, _) in VERBS.items())
    verbs = [f"  gradus {f'{verb} {takes}'.ljust(width)}   {does}" for verb, (takes, does) in VERBS.items()]
    return "\n".join(
        [
            "gradus: one command from raw data to a trained, evaluated and explained model",
            "",
            *verbs,
            "",
            "  gradus VERB --help           what a verb takes",
            "  gradus train JOB --help      every setting of a recipe",
            "",
            "Exit status: 0 fine, 1 the run or its input failed, 2 usage.",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if given[0] in ("-V", "--version"):
        print(f"gradus {__version__}")
        return 0
    try:
        if given[0] not in VERBS:
            from gradus.core.configs import nearest

            raise UsageError(
                "GR-CLI-001",
                where="gradus",
                wanted="a verb",
                got=repr(given[0]),
                remedy=nearest(given[0], list(VERBS)),
            )
        verb = importlib.import_module(f"gradus.cli.{given[0]}")
        with raised():
            status: int = verb.run(given[1:])
        sys.stdout.flush()
        return status
    except GradusError as error:
        complain(error)
        return error.exit_status
    except KeyboardInterrupt as stop:
        if "RANK" not in os.environ:  # of several processes the launcher speaks
            print(f"\n{stop or 'interrupted'}", file=sys.stderr)
        return 128 + (stop.number if isinstance(stop, Interrupted) else SIGINT)
    except BrokenPipeError:  # the reader of a pipe had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        refused = InputError(
            "GR-CLI-010",
            where=str(error.filename or f"gradus {given[0]}"),
            wanted="a path that the system can use",
            got=(error.strerror or str(error)).lower(),
            remedy="Check the path, and who may read and write there.",
        )
        complain(refused)
        return refused.exit_status


def complain(error: GradusError) -> None:
    """Print an error as where, wanted, got, what to do, and what its code means."""
    lines = [
        f"error {error.code}: {error.where}",
        f"  wanted  {error.wanted}",
        f"  got     {error.got}",
        f"  do      {error.remedy}",
        f"  means   {PAGES[error.code].means}",
    ]
    print("\n".join(map(printable, lines)), file=sys.stderr)


def printable(text: str, most: int = 500) -> str:
    """A text as a terminal may show it: one line, without control codes and signs that turn it around."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return shown if len(shown) <= most else f"{shown[:most]} ..."


if __name__ == "__main__":
    sys.exit(main())
