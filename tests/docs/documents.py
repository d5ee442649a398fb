"""The documents of the repository, and the code blocks in them."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHELL = {"sh", "bash", "shell", "console"}
RUN = SHELL | {"python"}
SHOWN = {"", "text", "json", "toml", "yaml", "csv"}  # read by people, run by nobody

# .ci runs these in an environment of their own; here a command that starts with one is left out.
ELSEWHERE = (
    "pip install",
    "python -m pip install",
    "python3 -m pip install",
    "python -m venv",
    "python3 -m venv",
    "source .venv/bin/activate",
    "pytest",
    "python -m pytest",
    "make",
    "git clone",
    "cd gradus",
)


@dataclass(frozen=True)
class Block:
    """A fenced block: where it opens, its language and text, and what the comment above it says."""

    path: Path
    line: int
    language: str
    text: str
    slow: bool
    not_run: str | None

    @property
    def where(self) -> str:
        """File and line, for a message."""
        return f"{self.path.relative_to(ROOT)}:{self.line}"

    @property
    def runs(self) -> bool:
        """Whether there is anything in it to run."""
        return self.language in RUN and self.not_run is None and bool(self.script())

    def script(self) -> str:
        """The program to run: of a shell block without its prompts, its output and what runs elsewhere."""
        if self.language == "python":
            return self.text
        text = self.text.replace("\\\n", " ")
        if self.language == "console":
            text = "\n".join(line[2:] for line in text.splitlines() if line.startswith("$ "))
        return "\n".join(filter(None, map(_without_elsewhere, text.splitlines())))


def _without_elsewhere(line: str) -> str:
    """A line without the commands, joined by ``&&``, that run elsewhere."""
    return " && ".join(
        part
        for part in line.split(" && ")
        if not any(part.strip() == word or part.strip().startswith(f"{word} ") for word in ELSEWHERE)
    )


@cache
def documents() -> tuple[Path, ...]:
    """README and its neighbours, everything in docs, and the page of every job."""
    folders = [ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md"), (ROOT / "gradus/jobs").glob("*/README.md")]
    return tuple(sorted(path for found in folders for path in found))


def blocks(path: Path, text: str | None = None) -> list[Block]:
    """The fenced blocks of a document, in order."""
    return list(_blocks(path, (text or path.read_text(encoding="utf-8")).splitlines()))


def _blocks(path: Path, lines: list[str]) -> Iterator[Block]:
    above, place = "", 0
    while place < len(lines):
        opened = re.match(r"\s*(```+)\s*([\w-]*)", lines[place])
        if opened is None:
            above, place = lines[place].strip(), place + 1
            continue
        fence, start = opened.group(1), place + 1
        place = next((n for n in range(start, len(lines)) if lines[n].strip() == fence), len(lines))
        text = textwrap.dedent("\n".join(lines[start:place])) + "\n"
        reason = re.fullmatch(r"<!-- not run:(.*)-->", above)
        not_run = reason.group(1).strip() if reason else None
        yield Block(path, start, opened.group(2), text, above == "<!-- slow -->", not_run)
        above, place = "", place + 1


def prose(path: Path) -> str:
    """A document's text without what stands in fences and in code spans."""
    text = re.sub(
        r"^\s*(```+).*?^\s*\1\s*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    return re.sub(r"`[^`\n]*`", "", text)
