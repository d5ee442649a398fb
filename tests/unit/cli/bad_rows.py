"""Bad tables of rows as one literal list, in the form of bad_inputs.py: what is wrong, and the answer.

``rows.csv`` is a sound table of two numbers, a category and a label, with what is wrong with it; ``watch``
is a detector trained on it.
"""

import atexit
import functools
import gzip
import shutil
import tempfile
from pathlib import Path

from gradus.cli.main import main
from tests.unit.cli.bad_inputs import Case, Make, named, nothing, write

TRAIN = "train anomaly/folder --data rows.csv --train.batch 16"
PREDICT, EVALUATE = "predict watch rows.csv", "evaluate watch --data rows.csv"
HEADER = "seconds,bytes,protocol,label"
KINDS = ("tcp,normal", "udp,normal", "tcp,normal", "udp,normal", "tcp,attack")
SOUND = tuple(f"{place % 7}.5,{place * place % 91},{KINDS[place % 5]}" for place in range(60))


def table(*more: str, header: str = HEADER, rows: tuple[str, ...] = SOUND) -> Make:
    """``rows.csv``, sound rows and more; the first of the more is on line 62."""
    return named("rows.csv", "".join(f"{line}\n" for line in (header, *rows, *more)).encode())


def without(column: int) -> Make:
    """``rows.csv`` with a column less."""
    cut = [",".join(cell for place, cell in enumerate(line.split(",")) if place != column) for line in SOUND]
    head = ",".join(name for place, name in enumerate(HEADER.split(",")) if place != column)
    return table(header=head, rows=tuple(cut))


@functools.cache
def _watch() -> Path:
    """A run of two steps on the sound table."""
    place = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    table()(place)
    data = str(place / "rows.csv")
    given = ["train", "anomaly/folder", "--data", data, "--out", str(place / "watch"), "--train.steps", "2"]
    assert main([*given, "--train.batch", "16", "--model.widths", "4"]) == 0
    return place / "watch"


def watched(make: Make = nothing) -> Make:
    """A detector beside what else is there."""

    def made(place: Path) -> None:
        shutil.copytree(_watch(), place / "watch")
        make(place)

    return made


def folder(**tables: Make) -> Make:
    """A folder ``rows.csv`` of tables, each the ``rows.csv`` that its maker makes."""

    def made(place: Path) -> None:
        for name, make in tables.items():
            make(place / "made")
            write(place / "rows.csv", {f"{name}.csv": (place / "made" / "rows.csv").read_bytes()})
        shutil.rmtree(place / "made")

    return made


def long_line(place: Path) -> None:
    """A gigabyte without an end of line, in a file of some megabytes."""
    write(place, {"rows.csv.gz": 64 * gzip.compress(bytes(1 << 24), 1)})


# fmt: off

CASES = (
    Case("a table that is not there", TRAIN, code="GR-DATA-001", status=1, says=("rows.csv",)),
    Case("no table for the recipe", "train anomaly/folder", code="GR-ROWS-012", status=2, says=("--data",)),
    Case("a table for a recipe that makes its own", "train anomaly/smoke --data rows.csv", code="GR-CLI-006",
         status=2, says=("--data /", "/rows.csv"), make=table()),
    Case("a table of no bytes", TRAIN, code="GR-ROWS-001", status=1, says=("rows.csv", "empty"),
         make=named("rows.csv")),
    Case("a table of blank lines", TRAIN, code="GR-ROWS-001", status=1, says=("rows.csv", "empty"),
         make=named("rows.csv", b"\n  \n,,,\n")),
    Case("a header without rows", TRAIN, code="GR-ROWS-002", status=1, says=("rows.csv", "none"),
         make=table(rows=())),
    Case("a column named twice", TRAIN, code="GR-ROWS-003", status=1, says=("line 1", "'bytes'", "2 and 3"),
         make=table(header="seconds,bytes,bytes,label")),
    Case("a row with a cell too few", TRAIN, code="GR-ROWS-004", status=1, says=("line 62", "4 cells", "3"),
         make=table("1,2,tcp")),
    Case("a row with a cell too many", TRAIN, code="GR-ROWS-004", status=1, says=("line 62", "4 cells", "5"),
         make=table("1,2,tcp,normal,x")),
    Case("a quote left open", TRAIN, code="GR-ROWS-005", status=1, says=("line 62",),
         make=table('1,2,"tcp,normal')),
    Case("a text in a column of numbers", TRAIN, code="GR-ROWS-007", status=1,
         says=("line 62", "'bytes'", "'many'"), make=table("1,many,tcp,normal")),
    Case("an empty cell in a column of numbers", TRAIN, code="GR-ROWS-008", status=1,
         says=("line 62", "'bytes'", "empty"), make=table("1,,tcp,normal")),
    Case("NaN in a column of numbers", TRAIN, code="GR-ROWS-008", status=1,
         says=("line 62", "'seconds'", "'NaN'"), make=table("NaN,2,tcp,normal")),
    Case("Infinity, as flow meters write it", TRAIN, code="GR-ROWS-008", status=1,
         says=("line 62", "'seconds'", "'Infinity'"), make=table("Infinity,2,tcp,normal")),
    Case("rows in Latin-1", TRAIN, code="GR-TEXT-003", status=1, says=("rows.csv, line 2", "0xe9"),
         make=named("rows.csv", f"{HEADER}\n1,2,caf\u00e9,normal\n".encode("latin-1"))),
    Case("rows in UTF-16", TRAIN, code="GR-TEXT-003", status=1, says=("rows.csv, line 1", "0xff"),
         make=named("rows.csv", f"{HEADER}\n{SOUND[0]}\n".encode("utf-16"))),
    Case("a compressed table cut short", "train anomaly/folder --data rows.csv.gz", code="GR-TEXT-001",
         status=1, says=("rows.csv.gz",),
         make=named("rows.csv.gz", gzip.compress("\n".join((HEADER, *SOUND)).encode())[:-20])),
    Case("a line of a gigabyte", "train anomaly/folder --data rows.csv.gz", code="GR-TEXT-002", status=1,
         says=("rows.csv.gz, line 1", "1,048,576"), make=long_line),
    Case("no normal rows", TRAIN, code="GR-ROWS-010", status=1,
         says=("rows.csv", "'label'", "0 beside attack"),
         make=table(rows=tuple(line.replace("normal", "attack") for line in SOUND))),
    Case("normal rows by another name", f"{TRAIN} --data.normal fine", code="GR-ROWS-010", status=1,
         says=("labelled fine", "attack, called normal"), make=table()),
    Case("no anomaly to test on", TRAIN, code="GR-ROWS-013", status=1, says=("test split", "all normal"),
         make=table(rows=tuple(line.replace("attack", "normal") for line in SOUND))),
    Case("a label column that is not there", f"{TRAIN} --data.label attack_type", code="GR-ROWS-009",
         status=2, says=("--data.label", "'attack_type'", "seconds"), make=table()),
    Case("a time column that is not there", f"{TRAIN} --data.time when", code="GR-ROWS-009", status=2,
         says=("--data.time", "'when'"), make=table()),
    Case("a column of names that is not there", f"{TRAIN} --data.id-column flow", code="GR-ROWS-009",
         status=2, says=("--data.id-column", "'flow'"), make=table()),
    Case("numbers with a decimal comma", TRAIN, code="GR-ROWS-007", status=1,
         says=("line 2, column 'bytes'", "--data.decimal comma reads (0,5 is 0.5)"),
         make=table(header="seconds;bytes;protocol;label",
                    rows=tuple(f"{i % 7};{i % 9},5;{KINDS[i % 5].replace(',', ';')}" for i in range(60)))),
    Case("a time that is none", f"{TRAIN} --data.time seconds", code="GR-ROWS-015", status=1,
         says=("line 62", "'seconds'", "'noon'"), make=table("noon,2,tcp,normal")),
    Case("every column left out", f"{TRAIN} --data.leave_out seconds bytes protocol", code="GR-ROWS-014",
         status=1, says=("rows.csv", "none of 4"), make=table()),
    Case("a folder without tables", TRAIN, code="GR-ROWS-011", status=1, says=("rows.csv", "without one"),
         make=lambda place: (place / "rows.csv").mkdir()),
    Case("a folder with a training table and another", TRAIN, code="GR-ROWS-011", status=1,
         says=("rows.csv", "1 for all and 1 for train"), make=folder(train=table(), more=table())),
    Case("two tables of different columns", TRAIN, code="GR-ROWS-006", status=1,
         says=("b.csv", "without 'protocol'"), make=folder(a=table(), b=without(2))),
    Case("windows longer than the table", f"{TRAIN} --model sequence_autoencoder --model.window 99",
         code="GR-ROWS-010", status=1, says=("99 in a row",),
         make=table(rows=tuple(line.replace("attack", "normal") for line in SOUND[:50]) + SOUND[50:])),
    Case("a one-class share beside a model of windows",
         f"{TRAIN} --model sequence_autoencoder --one_class 0.5", code="GR-CONFIG-003", status=2,
         says=("--one_class", "0.5"), make=table()),
    Case("no rows for the threshold", f"{TRAIN} --data.validation 0", code="GR-CONFIG-003", status=2,
         says=("--data.validation", "above 0"), make=table()),
    Case("rows to score without a column", PREDICT, code="GR-ROWS-009", status=1,
         says=("rows.csv, line 1", "'bytes'"), make=watched(without(1))),
    Case("rows to evaluate without a column", EVALUATE, code="GR-ROWS-009", status=1,
         says=("rows.csv", "'bytes'"), make=watched(without(1))),
    Case("a text among numbers to score", PREDICT, code="GR-ROWS-007", status=1,
         says=("rows.csv, line 62", "'bytes'", "'many'"), make=watched(table("1,many,tcp,normal"))),
    Case("an infinite number to score", PREDICT, code="GR-ROWS-008", status=1,
         says=("rows.csv, line 62", "'seconds'", "'inf'"), make=watched(table("inf,1,tcp,normal"))),
    Case("a row to score with a cell too few", PREDICT, code="GR-ROWS-004", status=1,
         says=("rows.csv, line 62", "3"), make=watched(table("1,2,tcp"))),
    Case("a spoken row with a cell too few", "predict watch 1,2", code="GR-ROWS-004", status=1,
         says=("a row", "2"), make=watched()),
)
