"""Bad series as a literal table, in the form of bad_inputs.py: the command, the code and the exit status.

``load.csv`` is a sound table of 300 hours with the columns date, load and flow; ``forecasting/folder`` trains
on it, and with ``run`` a run that was trained on it is there.
"""

import gzip
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars

from tests.unit.cli.bad_inputs import Case, Make, named, write

BEGIN = datetime(2026, 1, 1)
TIMES = [f"{BEGIN + timedelta(hours=hour):%Y-%m-%d %H:%M}" for hour in range(300)]
ROWS = [f"{time},{place % 24},{place % 7 + 0.5}" for place, time in enumerate(TIMES)]
HEAD = "date,load,flow"
SETTINGS = "--data.input-steps 24 --data.horizon 6 --train.batch 8"
TRAIN = f"train forecasting/folder {SETTINGS} --data"
CSV = f"{TRAIN} load.csv"


def content(rows: list[str], head: str = HEAD) -> bytes:
    """A table as a file."""
    return "\n".join([head, *rows, ""]).encode()


SOUND = content(ROWS)


def table(**rows: str) -> Make:
    """``load.csv`` with other rows at these lines, the header being the first: ``row_7="..."``."""
    changed = list(ROWS)
    for place, row in rows.items():
        changed[int(place.removeprefix("row_")) - 2] = row
    return named("load.csv", content(changed))


def long_table(place: Path) -> None:
    """42,000 hours with a date that is none on line 41,233."""
    rows = [f"{BEGIN + timedelta(hours=hour):%Y-%m-%d %H:%M},{hour % 24}" for hour in range(42_000)]
    rows[41_233 - 2] = "2030-02-30 08:00,1"
    write(place, {"load.csv": content(rows, "date,load")})


def column(name: str, value: str) -> Make:
    """``load.csv`` with one value in all of a column."""
    at = HEAD.split(",").index(name)
    cells = [row.split(",") for row in ROWS]
    for row in cells:
        row[at] = value
    return named("load.csv", content([",".join(row) for row in cells]))


def parquet(cut: int = 0, **columns: list[object]) -> Make:
    """``load.parquet``, its last bytes cut off."""

    def make(place: Path) -> None:
        polars.DataFrame(columns).write_parquet(place / "load.parquet")
        whole = (place / "load.parquet").read_bytes()
        (place / "load.parquet").write_bytes(whole[: len(whole) - cut])

    return make


def history(rows: list[str], head: str = HEAD) -> Make:
    """``history.csv``, an input of predict."""
    return named("history.csv", content(rows, head))


def array(values: np.ndarray) -> Make:
    """``history.npy``, an input of predict."""
    return lambda place: np.save(place / "history.npy", values)


# fmt: off
TABLES = (
    Case("no series given", "train forecasting/folder", code="GR-SERIES-040", status=2, says=("--data",)),
    Case("series that are not there", CSV, code="GR-DATA-001", status=1, says=("load.csv", "nothing")),
    Case("a folder of series", f"{TRAIN} tables", code="GR-SERIES-041", status=1, says=("tables", "a folder"),
         make=named("tables/load.csv", SOUND)),
    Case("an empty table of series", CSV, code="GR-ROWS-001", status=1, says=("load.csv", "empty"),
         make=named("load.csv")),
    Case("a table of series with a header only", CSV, code="GR-ROWS-002", status=1, says=("load.csv",),
         make=named("load.csv", b"date,load\n")),
    Case("a compressed table of series cut off", f"{TRAIN} load.csv.gz", code="GR-TEXT-001", status=1,
         says=("load.csv.gz",), make=named("load.csv.gz", gzip.compress(SOUND)[:900])),
    Case("a table of series that is not compressed", f"{TRAIN} load.csv.gz", code="GR-TEXT-001", status=1,
         says=("load.csv.gz",), make=named("load.csv.gz", SOUND)),
    Case("a Parquet file that is none", f"{TRAIN} load.parquet", code="GR-SERIES-003", status=1,
         says=("load.parquet",), make=named("load.parquet", SOUND)),
    Case("a Parquet file cut off", f"{TRAIN} load.parquet", code="GR-SERIES-003", status=1,
         says=("load.parquet",), make=parquet(cut=30, date=[1, 2], load=[1.0, 2.0])),
    Case("a Parquet file without rows", f"{TRAIN} load.parquet", code="GR-SERIES-002", status=1,
         says=("load.parquet",), make=parquet(date=[], load=[])),
    Case("a text in a Parquet file", f"{TRAIN} load.parquet", code="GR-SERIES-004", status=1,
         says=("load.parquet, row 2, column load", "'high'"), make=parquet(date=[1, 2], load=["1", "high"])),
    Case("a table of times alone", CSV, code="GR-SERIES-002", status=1, says=("load.csv", "numbers"),
         make=named("load.csv", content(TIMES, "date"))),
    Case("a row of a series with too few cells", CSV, code="GR-ROWS-004", status=1,
         says=("load.csv, line 7", "3"), make=table(row_7="2026-01-01 05:00,5")),
    Case("a series in another encoding", CSV, code="GR-TEXT-003", status=1,
         says=("load.csv, line 302", "0xe9"), make=named("load.csv", SOUND + b"caf\xe9,1,2\n")),
)
CELLS = (
    Case("a date that is none far down", f"train forecasting/folder {SETTINGS} --data load.csv",
         code="GR-SERIES-007", status=1, says=("load.csv, line 41233, column date", "2030-02-30"),
         make=long_table),
    Case("a time that is missing", CSV, code="GR-SERIES-007", status=1,
         says=("load.csv, line 7, column date",), make=table(row_7=",5,1")),
    Case("dates in a form of their own", CSV, code="GR-SERIES-007", status=1,
         says=("load.csv, line 2", "01.01.2026", "--data.time-format"), make=column("date", "01.01.2026")),
    Case("a format of times that does not fit", f"{CSV} --data.time-format %d.%m.%Y", code="GR-SERIES-007",
         status=1, says=("load.csv, line 2", "%d.%m.%Y"), make=table()),
    Case("a format of times without a year", f"{CSV} --data.time-format %H:%M", code="GR-SERIES-008",
         status=2, says=("--data.time-format", "%H:%M"), make=table()),
    Case("a zone among times without", CSV, code="GR-SERIES-006", status=1,
         says=("load.csv, line 7", "no zone"), make=table(row_7="2026-01-01 05:00+02:00,5,1")),
    Case("a time without a zone among others", CSV, code="GR-SERIES-006", status=1,
         says=("load.csv, line 3", "a zone"),
         make=named("load.csv", content(["2026-01-01T00:00Z,1,2", "2026-01-01T01:00,1,2"]))),
    Case("a text among numbers", CSV, code="GR-SERIES-004", status=1,
         says=("load.csv, line 7, column flow", "'high'"), make=table(row_7="2026-01-01 05:00,5,high")),
    Case("numbers with a decimal comma", CSV, code="GR-SERIES-004", status=1,
         says=("load.csv, line 2, column flow", "--data.decimal comma reads (0,5 is 0.5)"),
         make=named("load.csv", SOUND.replace(b",", b";").replace(b".5", b",5"))),
    Case("numbers with a point where a comma was said", f"{CSV} --data.decimal comma", code="GR-SERIES-004",
         status=1, says=("load.csv, line 2, column flow", "--data.decimal point reads"), make=table()),
    Case("seconds since 1970 that are dates", f"{CSV} --data.time-format seconds", code="GR-SERIES-007",
         status=1, says=("load.csv, line 2, column date", "seconds since 1970"), make=table()),
    Case("a Parquet file with lists for times", f"{TRAIN} load.parquet", code="GR-SERIES-007", status=1,
         says=("load.parquet, row 1, column date", "--data.time"),
         make=parquet(date=[[1], [2]], load=[1.0, 2.0])),
    Case("an infinite number", CSV, code="GR-SERIES-004", status=1, says=("load.csv, line 7, column flow",),
         make=table(row_7="2026-01-01 05:00,5,inf")),
    Case("a value that is missing", CSV, code="GR-SERIES-014", status=1,
         says=("load.csv, line 7", "column flow", "--data.mend.missing hold"),
         make=table(row_7="2026-01-01 05:00,5,")),
    Case("a value that is missing at the beginning", f"{CSV} --data.mend.missing hold", code="GR-SERIES-014",
         status=1, says=("load.csv, line 2", "column load"), make=table(row_2="2026-01-01 00:00,NaN,1")),
    Case("a column to forecast that never changes", CSV, code="GR-SERIES-015", status=1,
         says=("load.csv, column flow", "3"), make=column("flow", "3")),
    Case("a logarithm of nought", f"{CSV} --data.transform log_returns --instance none", code="GR-SERIES-044",
         status=1, says=("load.csv, step 1, column load", "above 0"), make=table()),
)
ORDER = (
    Case("times that go back", CSV, code="GR-SERIES-010", status=1,
         says=("load.csv, line 8", "--data.mend.order sort"),
         make=table(row_7="2026-01-01 06:00,6,1", row_8="2026-01-01 05:00,5,1")),
    Case("a time that is there twice", CSV, code="GR-SERIES-011", status=1,
         says=("load.csv, line 7", "--data.mend.duplicates"), make=table(row_7="2026-01-01 04:00,4,1")),
    Case("hours that are missing", CSV, code="GR-SERIES-013", status=1,
         says=("load.csv, line 12", "a row every 1 hour", "3 steps", "--data.mend.gaps"),
         make=named("load.csv", content([*ROWS[:10], *ROWS[13:]]))),
    Case("a time between two hours", CSV, code="GR-SERIES-012", status=1,
         says=("load.csv, line 7", "steps of 1 hour"), make=table(row_7="2026-01-01 05:20,5,1")),
)
PLANS = (
    Case("a time column that is not there", f"{CSV} --data.time when", code="GR-SERIES-001", status=1,
         says=("load.csv", "when", "date, load, flow"), make=table()),
    Case("a target that is not there", f"{CSV} --data.targets price", code="GR-SERIES-001", status=1,
         says=("load.csv", "price"), make=table()),
    Case("an input that is not there", f"{CSV} --data.past price", code="GR-SERIES-042", status=2,
         says=("--data.past", "price"), make=table()),
    Case("an indicator that is not known", f"{CSV} --data.indicators rsii", code="GR-SERIES-020", status=2,
         says=("--data.indicators", "rsii"), make=column("load", "3")),
    Case("a calendar of counted rows", f"{CSV} --data.calendar hour", code="GR-SERIES-043", status=2,
         says=("--data.calendar",), make=named("load.csv", content(["1,2", "3,4"], "load,flow"))),
    Case("borders that are no times", f"{CSV} --data.borders soon later", code="GR-SERIES-046", status=2,
         says=("--data.borders", "'soon'"), make=table()),
    Case("borders in the wrong order", f"{CSV} --data.borders 2026-01-10 2026-01-08", code="GR-SERIES-046",
         status=2, says=("--data.borders", "earlier"), make=table()),
    Case("shares that leave nothing to train on", f"{CSV} --data.validation 0.6 --data.test 0.6",
         code="GR-SERIES-016", status=1, says=("split train",), make=table()),
    Case("a static column that changes", f"{CSV} --data.static flow --data.targets load",
         code="GR-SERIES-005", status=1, says=("load.csv, line 3, column flow",), make=table()),
    Case("a fold that is not there", f"{CSV} --data.folds 3 --data.fold 3", code="GR-CONFIG-003", status=2,
         says=("--data.fold", "3"), make=table()),
    Case("a history too short for a window", f"{CSV} --data.input-steps 280", code="GR-SERIES-016", status=1,
         says=("load.csv, split train", "286 rows"), make=table()),
    Case("a test split too short for the horizon", f"{CSV} --data.horizon 70", code="GR-SERIES-016", status=1,
         says=("load.csv, split validation", "70 rows"), make=table()),
    Case("a patch longer than the past", f"{CSV} --model patch_transformer --model.patch 25",
         code="GR-SERIES-030", status=2, says=("--model.patch", "24"), make=table()),
    Case("log-returns of a window on its own scale",
         f"{CSV} --data.transform log_returns --instance last", code="GR-SERIES-060", status=2,
         says=("--instance",), make=table()),
    Case("a path for a recipe that makes its series", "train forecasting/smoke --data load.csv",
         code="GR-CLI-006", status=2, says=("--data /", "/load.csv"), make=table()),
    Case("a bad row left out leaves a gap", f"{CSV} --skip-bad", code="GR-SERIES-013", status=1,
         says=("load.csv, line 8", "1 steps missing"), make=table(row_7="2026-01-01 05:00,5,high")),
    Case("no row that can be read", f"{CSV} --skip-bad", code="GR-SERIES-002", status=1,
         says=("load.csv, line 2, column flow", "'high'"), make=column("flow", "high")),
)
INPUTS = (
    Case("a history that is too short", "predict run history.csv", code="GR-SERIES-050", status=1,
         says=("history.csv", "24 rows", "23"), run=True, make=history(ROWS[:23])),
    Case("a history with a column less", "predict run history.csv", code="GR-SERIES-001", status=1,
         says=("history.csv", "flow"), run=True,
         make=history([row.rpartition(",")[0] for row in ROWS], "date,load")),
    Case("a history with a gap", "predict run history.csv", code="GR-SERIES-013", status=1,
         says=("history.csv, line 12",), run=True, make=history([*ROWS[:10], *ROWS[13:]])),
    Case("an array with a column more", "predict run history.npy", code="GR-SERIES-052", status=1,
         says=("history.npy", "(rows, 2)", "(30, 3)"), run=True, make=array(np.ones((30, 3)))),
    Case("an array of a history with NaN", "predict run history.npy", code="GR-SERIES-052", status=1,
         says=("history.npy", "not finite"), run=True, make=array(np.full((30, 2), np.nan))),
    Case("a picture as a history", "predict run history.png", code="GR-TEXT-003", status=1,
         says=("history.png",), run=True, make=named("history.png", b"\x89PNG\r\n\x1a\n\x00")),
)
CASES = (*TABLES, *CELLS, *ORDER, *PLANS, *INPUTS)
# fmt: on
