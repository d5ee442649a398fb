"""Tables of series for tests, and the errors that they raise."""

import polars
import pytest

from gradus.core.errors import GradusError


def table(tmp_path, rows, *, head="date,a,b", name="t.csv"):
    """A table of text."""
    path = tmp_path / name
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def refused(code, *words):
    """What raises an error with these words and this code."""
    return pytest.raises(GradusError, match=".*".join([*words, code]))


def parquet(tmp_path, times, *, name="date", **columns):
    """A table of two rows."""
    path = tmp_path / "t.parquet"
    polars.DataFrame({name: times, "a": [1.0, 2.0], **columns}).write_parquet(path)
    return path
