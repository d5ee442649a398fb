"""Error codes of tables of numbers and categories, a row an item."""

from gradus.core.findings.page import Page

ROWS: dict[str, Page] = {}
