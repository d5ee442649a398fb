"""Error codes of time series: times, gaps and windows."""

from gradus.core.findings.page import Page

SERIES: dict[str, Page] = {}
