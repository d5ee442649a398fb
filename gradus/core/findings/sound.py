"""Error codes of sound and its transcripts."""

from gradus.core.findings.page import Page

SOUND: dict[str, Page] = {}
