"""Error codes of time series: times, gaps and windows."""

from gradus.core.findings.page import Page

SERIES: dict[str, Page] = {
    "GR-SERIES-001": Page(
        "A table lacks a column",
        "A setting, or the run that is asked, names a column that the table does not have.",
        "Name the columns in the settings as the table does, or mend its first line.",
    ),
    "GR-SERIES-002": Page(
        "A table holds no series",
        "It has no rows, or no column of numbers beside the times.",
        "Export the table again, with its rows and its values.",
    ),
    "GR-SERIES-003": Page(
        "A file is no Parquet",
        "Its suffix is that of Parquet and its content is not, or it is cut off.",
        "Write the file again, or give it the suffix of what it is.",
    ),
    "GR-SERIES-004": Page(
        "Text stands in a column of numbers",
        "The error names the line and the column. Cells that are empty, or say na, n/a, nan, null, none or "
        "?, are missing values and no text.",
        "Mend the cell, or read other columns with --data.targets. Numbers written 1,5 or 1.234,5 are read "
        "with --data.decimal comma and --data.thousands.",
    ),
    "GR-SERIES-005": Page(
        "A static column changes within a series",
        "What is named in --data.static has one value for all rows of a series.",
        "Mend the rows, or name the column in --data.past.",
    ),
    "GR-SERIES-006": Page(
        "Times with a zone and times without are mixed",
        "There is no telling what the times without a zone stand for. Different zones are no fault: all are "
        "put into UTC, and the report says from how many.",
        "Give every time a zone, or none.",
    ),
    "GR-SERIES-007": Page(
        "A cell is no time",
        "Times are written as in ISO 8601 (2026-01-31, 2026-01-31 14:00, 2026-01-31T14:00:00.5Z; slashes for "
        "bars), in one form throughout, or as whole numbers. Numbers since 1970 are dates with "
        "--data.time-format seconds, milliseconds, microseconds or nanoseconds; in Parquet, columns of dates "
        "are read as they are.",
        "Mend the cell, or say --data.time-format where all times have another format.",
    ),
    "GR-SERIES-008": Page(
        "A format of times has no year, or is none",
        "Without a year rows cannot be put in order. Hours are read with their minutes only.",
        "Write the format of strptime as the times are written: %d.%m.%Y %H:%M.",
    ),
    "GR-SERIES-009": Page(
        "A row belongs to no series",
        "The column of --data.series names the series of each row, and a row of this table has none.",
        "Name it, or leave such rows out with --skip-bad.",
    ),
    "GR-SERIES-010": Page(
        "Times go back",
        "A row is earlier than the one before it.",
        "Sort the table, or give --data.mend.order sort: the rows that were out of order are counted.",
    ),
    "GR-SERIES-011": Page(
        "A time is there twice",
        "Two rows of one series have one time. Clocks that are set back in autumn do that; so do series in "
        "long form where --data.series is not given.",
        "Remove the rows, or give --data.mend.duplicates first, last or mean: they are counted.",
    ),
    "GR-SERIES-012": Page(
        "Steps are irregular",
        "Most rows are one step apart, and some lie between two steps.",
        "Resample the table, or give --data.mend.gaps ignore, which takes each row as a step.",
    ),
    "GR-SERIES-013": Page(
        "Steps are missing",
        "Between two rows there are whole steps without one.",
        "Add the rows; or give --data.mend.gaps hold, which fills them with the values before them, or "
        "ignore, which takes each row as a step, as suits trading days. Both count the steps.",
    ),
    "GR-SERIES-014": Page(
        "A value is missing",
        "A cell is empty or says that its value is missing.",
        "Fill it, or give --data.mend.missing hold, which repeats the value before it and counts such cells. "
        "At the beginning of a column there is none to repeat.",
    ),
    "GR-SERIES-015": Page(
        "A column to forecast never changes",
        "All training rows of it have one value: there is nothing to learn, and no scale to count errors on.",
        "Leave the column out: name the others with --data.targets.",
    ),
    "GR-SERIES-016": Page(
        "A split has no window",
        "A window of training needs the input steps and the horizon within the training rows. One of "
        "validation or test needs its horizon within its rows, and borrows its past from the rows before.",
        "Give a longer history, or smaller --data.input-steps and --data.horizon.",
    ),
    "GR-SERIES-020": Page(
        "An indicator is unknown",
        "Indicators are sma, ema, rsi, macd, bollinger, momentum, roc, volatility, atr, stochastic and obv, "
        "with steps if you like: sma_50.",
        "Correct the name.",
    ),
    "GR-SERIES-021": Page(
        "An indicator and the columns beside the price do not fit",
        "The indicators atr and stochastic read --data.high and --data.low, obv reads --data.volume, each of "
        "one target; a column that is named there must be read by an indicator.",
        "Name the columns that the indicators read, no others, and one target.",
    ),
    "GR-SERIES-022": Page(
        "The prices of a step contradict each other",
        "A price lies above its high or below its low, or a volume is below 0. A price that was adjusted for "
        "splits and dividends does so beside a high and a low that were not.",
        "Name columns of one kind, or mend the row.",
    ),
    "GR-SERIES-030": Page(
        "A model does not fit its series",
        "A patch is longer than the past, or stacks lack a number.",
        "Change the setting that the error names.",
    ),
    "GR-SERIES-040": Page(
        "No table was given",
        "The recipe reads your own series.",
        "Give --data PATH: CSV (gzip or not) or Parquet.",
    ),
    "GR-SERIES-041": Page(
        "A table is not there",
        "The path leads to nothing, or to a folder.",
        "Name the file itself.",
    ),
    "GR-SERIES-042": Page(
        "A setting names no column",
        "The settings --data.targets, --data.past and --data.known name columns of numbers in the table.",
        "Name a column of the table.",
    ),
    "GR-SERIES-043": Page(
        "A calendar needs dates",
        "The times are plain numbers or rows that are counted: they have no hour and no weekday.",
        "Leave --data.calendar out, or name the column of the times.",
    ),
    "GR-SERIES-044": Page(
        "A logarithm needs values above 0",
        "Log-returns and indicators are ratios of prices.",
        "Use --data.transform none and no indicators, or mend the value.",
    ),
    "GR-SERIES-045": Page(
        "A static value was not in the training",
        "A run knows the categories of the series that it was trained on, and no others.",
        "Correct the value, or train on series of that kind as well.",
    ),
    "GR-SERIES-046": Page(
        "A border is no time",
        "The setting --data.borders gives the times at which validation and test begin.",
        "Write them as ISO 8601 does, or as whole numbers where the times are numbers.",
    ),
    "GR-SERIES-047": Page(
        "A table has other columns than the training",
        "A run forecasts from the columns that it was trained on, all of them.",
        "Give these columns.",
    ),
    "GR-SERIES-050": Page(
        "A history is too short",
        "A forecast is made from --data.input-steps rows; indicators need some more before them.",
        "Give a longer history.",
    ),
    "GR-SERIES-051": Page(
        "An input holds several series",
        "An answer is the forecast of one series. `gradus predict` gives one for each series of a table; an "
        "input of `Deployable.read` is one of them.",
        "Give one series at a time, or leave the table to `gradus predict`.",
    ),
    "GR-SERIES-052": Page(
        "An array is no history",
        "An array holds a row a step and a column a series, in the order of the training, finite throughout.",
        "Convert the array.",
    ),
    "GR-SERIES-053": Page(
        "What is known ahead is not given",
        "A run that was trained with --data.known needs these columns for the steps that it forecasts.",
        "Add rows with their times and what is known; leave the other columns empty.",
    ),
    "GR-SERIES-054": Page(
        "A table has another step than the training",
        "A run forecasts so many steps ahead, each as long as those it was trained on. Rows that are further "
        "apart, or closer together, would be taken for what they are not.",
        "Give a row for each step of the training, or train on rows such as these.",
    ),
    "GR-SERIES-060": Page(
        "Two scalings exclude each other",
        "Log-returns start from the last value already.",
        "Use --instance none with --data.transform log_returns.",
    ),
}
