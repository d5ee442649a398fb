"""Every error code and what it means: what errors, docs/findings and the tests read."""

from gradus.core.findings.engine import ENGINE
from gradus.core.findings.page import Page
from gradus.core.findings.pictures import PICTURES
from gradus.core.findings.rows import ROWS
from gradus.core.findings.series import SERIES
from gradus.core.findings.sound import SOUND
from gradus.core.findings.text import TEXT

PAGES: dict[str, Page] = PICTURES | ROWS | TEXT | SERIES | SOUND | ENGINE
