"""Error codes of tables of numbers and categories, a row an item."""

from gradus.core.findings.page import Page

ROWS: dict[str, Page] = {
    "GR-ROWS-001": Page(
        "A table is empty",
        "The file has no line with anything in it.",
        "Check the path, or export the table again.",
    ),
    "GR-ROWS-002": Page(
        "A table has a header and no rows",
        "The first line names the columns, and no row that can be read follows.",
        "Export the table again, with its rows.",
    ),
    "GR-ROWS-003": Page(
        "A column is named twice",
        "Two columns of one name cannot be told apart, neither in settings nor in answers.",
        "Rename one of them, or remove it.",
    ),
    "GR-ROWS-004": Page(
        "A row has too many or too few cells",
        "Every row has a cell for each column. Filling up or cutting off would move values to other columns.",
        "Mend the row (a separator inside a text needs quotes around the text), or leave such rows out with "
        "`--skip-bad`.",
    ),
    "GR-ROWS-005": Page(
        "A quote is left open",
        "A cell begins with a quote that does not end on its line, or has one in its middle that is not "
        "doubled. A row stands on a line of its own.",
        "Close the quotes, or double those that are part of a cell.",
    ),
    "GR-ROWS-006": Page(
        "Tables have different columns",
        "The tables of a folder are read as one, so they need the same columns in the same order.",
        "Give the tables the same columns, or keep them in folders of their own.",
    ),
    "GR-ROWS-007": Page(
        "A text stands in a column of numbers",
        "Nearly all cells of the column are numbers (or were, in training), and one is not; or all are "
        "numbers, with a decimal comma (1,5) or marks between thousands (1,234.5), which is never guessed.",
        "Mend the cell, leave such rows out with `--skip-bad`, give `--data.decimal comma` or "
        "`--data.thousands` if the numbers are written so, or name the column in `--data.categories` if its "
        "values are names.",
    ),
    "GR-ROWS-008": Page(
        "A number is missing or infinite",
        "A cell of a column of numbers is empty, NaN or Infinity. Rates of flows that take no time are a "
        "common cause.",
        "Mend the cell, leave such rows out with `--skip-bad`, or let them count as unusual with "
        "`--data.missing mark`.",
    ),
    "GR-ROWS-009": Page(
        "A column is missing",
        "A column that the settings name, or that the model was trained on, is not in the table.",
        "Check the spelling against the header, or give a table with that column.",
    ),
    "GR-ROWS-010": Page(
        "There are no normal rows to train on",
        "A detector learns what is normal, from rows that the label column says are. None says so, or too "
        "few to train on and to hold some out for the threshold.",
        "Name the normal labels in `--data.normal`, the right column in `--data.label`, or give more rows.",
    ),
    "GR-ROWS-011": Page(
        "The tables of a folder cannot be told apart",
        "A folder holds tables to train on and to test on (train or test is part of their names), or tables "
        "that are divided at random. This one has some of both, no training table, or no table at all.",
        "Name every table for its split or none of them, and give the path of the folder or of one table.",
    ),
    "GR-ROWS-012": Page(
        "No table named",
        "The recipe trains on rows of your own and was not told where they are.",
        "Give `--data PATH`: a .csv, .tsv or .txt, plain or .gz, or a folder of them.",
    ),
    "GR-ROWS-013": Page(
        "The test rows are all of one kind",
        "A detector is scored by how it ranks anomalies above normal rows, so the test split needs both.",
        "Raise `--data.test`, check `--data.label` and `--data.normal`, or give a table with both kinds.",
    ),
    "GR-ROWS-014": Page(
        "No column is left to learn from",
        "Every column is a label, a time, left out by the settings, or holds too many different texts.",
        "Leave fewer columns out, or raise `--data.most_categories`.",
    ),
    "GR-ROWS-015": Page(
        "A time cannot be read",
        "The rows are put in the order of the time column, and a cell of it is neither a number nor a date "
        "and time as ISO 8601 writes them.",
        "Mend the cell, write times as 2017-07-07T08:59:00 or in seconds, or leave such rows out with "
        "`--skip-bad`.",
    ),
    "GR-ROWS-016": Page(
        "A row given to predict is of no known form",
        "A row is a line of a table, a mapping from columns to values, or a sequence of values in the order "
        "of the columns that the model was trained on.",
        "Give one of these.",
    ),
}
