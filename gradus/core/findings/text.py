"""Error codes of text: its files, its words and their vectors."""

from gradus.core.findings.page import Page

TEXT: dict[str, Page] = {
    "GR-TEXT-001": Page(
        "A text file cannot be read",
        "The system refuses to open it, it is a folder, or its compression breaks off in the middle.",
        "Check what the path is and who may read it, or copy the file again.",
    ),
    "GR-TEXT-002": Page(
        "A line is too long",
        "A line of a text file has more than a mebibyte. Reading on could fill the memory, and what follows "
        "would hardly be one item.",
        "Cut the line, or check that the file is text with an item a line.",
    ),
    "GR-TEXT-003": Page(
        "Text is not UTF-8",
        "A line holds bytes that are no UTF-8. Guessing at another encoding would change letters silently.",
        "Save the file in UTF-8.",
    ),
}
