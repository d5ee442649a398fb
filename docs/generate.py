"""Write what the documentation takes from the source: a page an error code, the bad inputs, and tables.

``python docs/generate.py`` writes. With ``--check`` it changes nothing, and names what would change and exits
with 1. A document holds a table between the lines ``<!-- generated: NAME ARGUMENT -->`` and
``<!-- end generated -->``:

    verbs            the verbs of the command line
    recipes [JOB]    what can be trained and what it should reach
    results [JOB]    the newest record of each recipe in bench/records
"""

import os
import re
import runpy
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gradus.cli import records
from gradus.cli.main import VERBS
from gradus.core.findings import PAGES
from gradus.engine.job import scored_for
from gradus.jobs import TABLE, find

ROOT = Path(__file__).resolve().parents[1]
FINDINGS = ROOT / "docs" / "findings"
RECORDS = ROOT / "bench" / "records"
BEGIN = r"^<!-- generated: (\w+)(?: (\w+))? -->$"
END = r"^<!-- end generated -->$"
BLOCK = re.compile(rf"({BEGIN})\n(?:.*\n)*?({END})", re.MULTILINE)
REPEAT = "python docs/generate.py"
BAD = ("inputs", "rows", "series", "sounds", "texts")  # tables of cases in tests/unit/cli/bad_*.py
sys.path.insert(0, str(ROOT))  # they import each other
BAD_INPUTS = [
    case
    for area in BAD
    for case in runpy.run_path(str(ROOT / "tests" / "unit" / "cli" / f"bad_{area}.py"))["CASES"]
]


def main(given: Sequence[str]) -> int:
    """Write, or check, every generated file; returns the exit status."""
    if given not in ([], ["--check"]):
        print(f"usage: {REPEAT} [--check]", file=sys.stderr)
        return 2
    changed, stale = changes()
    for path in [*changed, *stale]:
        print(f"{'would change' if given else 'changing'} {path.relative_to(ROOT)}")
    if given:
        return 1 if changed or stale else 0
    for path, text in changed.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in stale:
        path.unlink()
    return 0


def changes() -> tuple[dict[Path, str], list[Path]]:
    """Files that differ from what the source says, with their right text; and pages of codes long gone."""
    wanted = {FINDINGS / name: text for name, text in pages().items()}
    wanted |= {path: filled(path.read_text(encoding="utf-8"), path) for path in documents()}
    changed = {p: t for p, t in wanted.items() if not p.exists() or p.read_text(encoding="utf-8") != t}
    return changed, sorted(set(FINDINGS.glob("*.md")) - wanted.keys())


def documents() -> list[Path]:
    """The documents that people write and that may hold tables."""
    found = [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "gradus" / "jobs").glob("*/README.md"),
    ]
    return sorted(path for path in found if path.parent != FINDINGS)


def filled(text: str, path: Path) -> str:
    """A document with its tables made anew; ValueError where a marker has no partner or an unknown name."""

    def anew(block: re.Match[str]) -> str:
        begin, name, argument, end = block.groups()
        if name not in TABLES:
            raise ValueError(f"{path}: no table is called {name!r}; known are {', '.join(TABLES)}")
        return f"{begin}\n{TABLES[name](argument, path.parent)}\n{end}"

    out, count = BLOCK.subn(anew, text)
    begins, ends = (len(re.findall(mark, text, re.MULTILINE)) for mark in (BEGIN, END))
    if not begins == ends == count:
        raise ValueError(f"{path}: {begins} tables begin, {ends} end")
    return out


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    cells = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells)


def verbs(argument: str | None, folder: Path) -> str:
    """The verbs and what they do."""
    return table(
        ["command", "does"],
        [[f"`{f'gradus {verb} {takes}'.strip()}`", does] for verb, (takes, does) in VERBS.items()],
    )


def recipes(job: str | None, folder: Path) -> str:
    """Every recipe of one job, or of all: the command, what it is, what it should reach and in what time."""
    return table(["command", "what it is", "expects", "within"], list(_recipe_rows(job)))


def _recipe_rows(only: str | None) -> Iterator[list[str]]:
    for name in [only] if only else TABLE:
        job = find(name)
        for recipe, make in job.recipes.items():
            expect, headline = make().expect, scored_for(job, recipe).headline
            sign = "at least" if headline.higher else "at most"
            summary = (make.__doc__ or "").partition("\n")[0]
            reached = f"{headline.name} {sign} {expect.value:g}"
            yield [
                f"`gradus train {name}/{recipe}`",
                summary,
                reached,
                f"{expect.minutes:g} min on {expect.device}",
            ]


def results(job: str | None, folder: Path) -> str:
    """The newest record of each recipe of one job, or of all; every row links to its record."""
    newest = {
        (record.job, record.recipe, record.name): (path, record)
        for path, record in records.read_all(RECORDS).items()
        if job in (None, record.job)
    }
    if not newest:
        return "No recipe has been measured yet."
    rows = [
        _result_row(record, os.path.relpath(path, folder)) for _, (path, record) in sorted(newest.items())
    ]
    return table(["recipe", "measure", "result", "baseline", "training takes", "on", "record"], rows)


def _result_row(record: records.Record, link: str) -> list[str]:
    count = f"{len(record.runs)} {record.by}{'s' if len(record.runs) > 1 else ''}"
    spread = "" if record.sd is None else f" ± {record.sd:.4f}"
    given = f" `{' '.join(record.settings)}`" if record.settings else ""
    machine = record.machine
    return [
        f"{record.job}/{record.recipe}{given}",
        f"{record.headline} ({record.direction} is better)",
        f"{record.mean:.4f}{spread} ({count})",
        f"{record.baseline:.4f}",
        f"{record.mean_seconds:.1f} s",
        machine.cuda if record.device == "cuda" and machine.cuda else f"{machine.threads} threads",
        f"[{record.date[:10]}]({Path(link).as_posix()})",
    ]


TABLES: dict[str, Callable[[str | None, Path], str]] = {
    "verbs": verbs,
    "recipes": recipes,
    "results": results,
}


def pages() -> dict[str, str]:
    """The content of docs/findings: a page a code, and the list of them."""
    made = {f"{code}.md": _page(code) for code in PAGES} | {"bad_inputs.md": bad_inputs()}
    rows = [[f"[{code}]({code}.md)", page.title, page.remedy] for code, page in PAGES.items()]
    made["README.md"] = (
        "# Findings\n\nEvery error and every note of gradus carries one of these codes.\n\n"
        f"[Bad inputs](bad_inputs.md): {len(BAD_INPUTS)} things that go wrong, and the code of each.\n\n"
        f"{table(['code', 'title', 'what to do'], rows)}\n\n"
        f"Written by `{REPEAT}` from gradus/core/findings.\n"
    )
    return made


def bad_inputs() -> str:
    """The table of bad inputs that tests/unit/cli/test_bad_*.py make one by one."""
    rows = [
        [c.what, f"`gradus {_shortened(c.command)}`", f"[{c.code}]({c.code}.md)", str(c.status)]
        for c in BAD_INPUTS
    ]
    return (
        "# Bad inputs\n\nA test makes each and holds gradus to its answer: this code, this exit status "
        "(1: the run or its input failed, 2: usage), a message that names the file, row or setting, no "
        "traceback, and nothing left behind.\n\n"
        f"{table(['what is wrong', 'command', 'code', 'exit status'], rows)}\n\n"
        f"Written by `{REPEAT}` from tests/unit/cli/bad_*.py. [All findings](README.md)\n"
    )


def _shortened(command: str) -> str:
    """A command whose over-long words are cut."""
    return " ".join(word if len(word) < 100 else f"{word[:10]}..." for word in command.split())


def _page(code: str) -> str:
    page = PAGES[code]
    parts = [f"# {code}: {page.title}", page.means, "## What to do", page.remedy, "[All findings](README.md)"]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
