"""Links between documents lead to a file, and to a heading that is in it."""

import re
from pathlib import Path

import pytest

from tests.docs.documents import ROOT, documents, prose

LINK = re.compile(
    r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|^\[[^\]]+\]:\s*(\S+)|(?:src|href)=\"([^\"]+)\"", re.MULTILINE
)
OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def links(text: str) -> list[str]:
    """The targets of a text's links and pictures that lie in the repository."""
    found = [next(filter(None, match.groups())) for match in LINK.finditer(text)]
    return [target for target in found if not OUTSIDE.match(target)]


def anchors(text: str) -> set[str]:
    """What a heading is called in a link: small letters, hyphens for spaces, no punctuation."""
    headings = re.findall(r"^#+ +(.+?) *#*$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(path: Path, target: str) -> bool:
    """Whether a link of the document ``path`` leads nowhere."""
    name, _, anchor = target.partition("#")
    file = (path.parent / name).resolve() if name else path
    if not file.exists() or not file.is_relative_to(ROOT):
        return True
    return bool(anchor) and file.suffix == ".md" and anchor not in anchors(file.read_text(encoding="utf-8"))


def test_every_link_leads_somewhere():
    assert [f"{p.relative_to(ROOT)}: {t}" for p in documents() for t in links(prose(p)) if broken(p, t)] == []


def test_links_are_found():
    text = '[a](b.md) ![c](d.svg "title") <img src="e.png"> [f](https://example.com) [g](#h)\n[i]: j.md\n'
    assert links(text) == ["b.md", "d.svg", "e.png", "#h", "j.md"]


@pytest.mark.parametrize("target", ["no.md", "#no-such", "GR-RUN-001.md#no-such", "../../../outside.md"])
def test_a_broken_link_is_one(target):
    assert broken(ROOT / "docs/findings/README.md", target)


@pytest.mark.parametrize("target", ["GR-RUN-001.md", "#findings", "GR-RUN-001.md#what-to-do", "../findings"])
def test_a_whole_link_is_none(target):
    assert not broken(ROOT / "docs/findings/README.md", target)
