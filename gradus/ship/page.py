"""The parts of a page: elements that escape what they hold, tables, embedded figures, and the style sheet.

Nothing on a page is fetched: styles are inside, pictures are data URIs, and the content policy forbids the
rest, so that a hostile class name or file name stays text.
"""

import base64
import html
import io
import math
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

LONG_WORD = 24  # letters; in a narrow column longer ones may be cut anywhere
HEAVY_BYTES = 400_000  # a scatter of ten thousand points is lighter and faster to show as pixels
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass(frozen=True, slots=True)
class Html:
    """Markup; any other text is escaped when it is put into an element."""

    text: str


def markup(*children: Html | str) -> Html:
    """Children one after another, what is not markup escaped."""
    return Html("".join(child.text if isinstance(child, Html) else html.escape(child) for child in children))


def element(tag: str, *children: Html | str, **attributes: object) -> Html:
    """One element; ``class_`` is the attribute class, ``stroke_width`` is stroke-width."""
    named = ((name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items())
    written = "".join(f' {name}="{html.escape(str(value))}"' for name, value in named)
    end = "" if tag in ("img", "meta") else f"</{tag}>"
    return Html(f"<{tag}{written}>{markup(*children).text}{end}")


def prose(text: str) -> Html:
    """A sentence whose `backticks` stand around code."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return markup(text)
    return markup(*(element("code", piece) if place % 2 else piece for place, piece in enumerate(pieces)))


def section(title: str, *children: Html | str) -> Html:
    """A heading beside what belongs to it."""
    return element("section", element("h2", title), element("div", *children))


def shown(value: Any) -> str:
    """A result for reading: four decimals, or three digits where that says nothing; thousands apart."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return "none" if value is None else str(value)
    number = float(value)
    if isinstance(value, Integral):
        return f"{int(value):,}"
    if not math.isfinite(number):
        return str(number)
    if number and not 1e-3 <= abs(number) < 1e6:
        return f"{number:.3g}"
    return f"{number:,.4f}" if abs(number) < 100 else f"{number:,.2f}"


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, signed: str = "") -> Html:
    """A table, numbers to the right, in the column ``signed`` with plus or minus; a wide one scrolls."""
    numeric = [all(_is_number(row[place]) for row in rows) for place in range(len(columns))]
    titles = [element("th", title, **_aligned(right)) for title, right in zip(columns, numeric, strict=True)]
    body = [
        element(
            "tr", *(_cell(value, sign=column == signed) for column, value in zip(columns, row, strict=True))
        )
        for row in rows
    ]
    whole = element("table", element("thead", element("tr", *titles)), element("tbody", *body))
    return element("div", whole, class_="scroll")


def _cell(value: Any, *, sign: bool) -> Html:
    said = value if isinstance(value, Html) else shown(value)
    if sign and isinstance(value, Real):
        size = float(value)
        said = "+" * (size > 0) + "\N{MINUS SIGN}" * (size < 0) + shown(abs(size))
    if isinstance(said, Html) or _is_number(value):
        return element("td", said, **_aligned(_is_number(value)))
    short = max(map(len, said.split()), default=0) <= LONG_WORD
    return element("td", said, **({"class_": "whole"} if short else {}))


def _is_number(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, Real) and not isinstance(value, bool))


def _aligned(right: bool) -> dict[str, str]:
    return {"class_": "number"} if right else {}


def picture(figure: Any) -> tuple[str, bytes]:
    """A matplotlib figure as ("svg", bytes), or ("png", bytes) where that is much lighter; closes the figure.

    The same figure gives the same bytes. Letters stay letters, so that the reader's fonts serve every script.
    """
    try:
        content = _saved(figure, "svg")
        if len(content) > HEAVY_BYTES and len(pixels := _saved(figure, "png")) < len(content):
            return "png", pixels
        return "svg", content
    finally:
        if "matplotlib.pyplot" in sys.modules:  # it keeps the figures made with it until they are closed
            sys.modules["matplotlib.pyplot"].close(figure)


def _saved(figure: Any, suffix: str) -> bytes:
    """A figure in a format; where dollar signs in its text make no formula, text is drawn as it stands."""
    import matplotlib
    from matplotlib.text import Text

    metadata = dict.fromkeys(["Date", "Creator", "Format", "Type"] if suffix == "svg" else ["Software"])

    def save() -> bytes:
        content = io.BytesIO()
        figure.savefig(content, format=suffix, dpi=160, bbox_inches="tight", metadata=metadata)
        return content.getvalue()

    settings = matplotlib.rc_context({"svg.hashsalt": "gradus", "svg.fonttype": "none"})
    with settings, warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="Glyph .* missing from font"
        )  # the reader's fonts may have it
        try:
            return save()
        except ValueError:
            for text in figure.findobj(Text):
                text.set_parse_math(False)
            return save()


def embedded(suffix: str, content: bytes, *, alt: str) -> Html:
    """A picture inside the page, on white paper: its own colours were chosen for that."""
    kind = "svg+xml" if suffix == "svg" else suffix
    source = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    return element("div", element("img", src=source, alt=alt), class_="paper")


def page(title: str, summary: str, *children: Html | str) -> bytes:
    """A whole page in UTF-8."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="description", content=summary),
        element("title", title),
        element("style", Html(STYLE)),
    )
    body = element("body", element("main", *children))
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en').text}\n".encode(errors="replace")


STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fcfbf8; --ink: #1d1c1a; --soft: #69655d; --rule: #e2ded5; --wash: #f4f1ea; --sheet: #ffffff;
  --series-0: #1f5fb4; --series-1: #c2540a; --series-2: #2c7a4b; --series-3: #8646a3; --series-4: #866514;
  --series-5: #b03558;
  --serif: "Iowan Old Style", "Palatino Linotype", Palatino, "URW Palladio L", "P052", Georgia, serif;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #161614; --ink: #e9e6df; --soft: #a19c92; --rule: #35332e; --wash: #201f1c; --sheet: #ffffff;
    --series-0: #7fb2f6; --series-1: #f2a15c; --series-2: #7cc79a; --series-3: #c99be0; --series-4: #d8b65e;
    --series-5: #ee8ba6;
  }
  .paper img { filter: brightness(.88); }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 400 1rem/1.55 var(--sans);
  -webkit-text-size-adjust: 100%; overflow-wrap: anywhere; }
main { max-width: 70rem; margin: 0 auto; padding: 3.5rem 1.5rem 4rem; }
header { padding-bottom: 2.5rem; }
.eyebrow { margin: 0 0 .4rem; color: var(--soft); font-size: .85rem; }
h1 { margin: 0 0 1.4rem; font: 600 1.05rem/1.4 var(--sans); }
h1 span { color: var(--soft); font-weight: 400; }
.verdict { margin: 0; max-width: 34em; font: 400 clamp(1.4rem, 3.4vw, 2rem)/1.34 var(--serif);
  text-wrap: pretty; }
.verdict strong { font-weight: 600; color: var(--series-0); white-space: nowrap; }
.aside { margin: 1.1rem 0 0; color: var(--soft); font-size: .92rem; max-width: 60em; }
section { display: grid; grid-template-columns: 11rem minmax(0, 1fr); gap: 0 2.5rem; padding: 1.6rem 0 2.2rem;
  border-top: 1px solid var(--rule); }
section > div > :first-child { margin-top: 0; }
section > div > :last-child { margin-bottom: 0; }
h2 { margin: 0; font: 600 1.12rem/1.4 var(--serif); text-wrap: balance; }
h3 { margin: 2rem 0 .5rem; font: 600 .95rem/1.4 var(--sans); }
p { margin: 0 0 1rem; max-width: 44em; }
.note { color: var(--soft); font-size: .88rem; }
p code { background: var(--wash); padding: .08em .3em; border-radius: 3px; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr));
  gap: 1.9rem 2rem; align-items: end; }
.charts + p { margin-top: 1.4rem; }
figure { margin: 0; break-inside: avoid; }
figcaption { font-size: .85rem; line-height: 1.45; margin-bottom: .35rem; }
figcaption b { display: block; font-size: .95rem; font-weight: 600; }
figcaption small { color: var(--soft); font-weight: 400; font-size: .85rem; }
.key { color: var(--soft); margin-right: .9em; white-space: nowrap; }
.key i { display: inline-block; width: .95em; height: 0; margin-right: .4em; vertical-align: .28em;
  border-top: .17em solid var(--tone); border-radius: 1px; }
.key.dots i { width: .55em; height: .55em; border: 0; border-radius: 50%; background: var(--tone);
  vertical-align: .02em; }
svg { display: block; width: 100%; height: auto; overflow: visible; font: 12px var(--sans); }
svg text { fill: var(--soft); font-variant-numeric: tabular-nums; }
svg .grid { stroke: var(--rule); }
svg .axis { stroke: var(--soft); opacity: .55; }
svg path { fill: none; stroke: var(--tone); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
svg path.faint { stroke-width: 1; opacity: .3; }
svg .dots path { stroke-width: 1.5; }
svg circle { fill: var(--tone); }
svg circle.ring { fill: var(--paper); stroke: var(--tone); stroke-width: 2.5; }
.tone-0 { --tone: var(--series-0); } .tone-1 { --tone: var(--series-1); } .tone-2 { --tone: var(--series-2); }
.tone-3 { --tone: var(--series-3); } .tone-4 { --tone: var(--series-4); } .tone-5 { --tone: var(--series-5); }
.scroll { overflow-x: auto; margin: 0 0 1.2rem; }
table { border-collapse: collapse; font-size: .92rem; line-height: 1.45; }
th, td { padding: .42rem 1.6rem .42rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--rule); }
th:last-child, td:last-child { padding-right: 0; }
th { color: var(--soft); font-weight: 500; font-size: .85rem; white-space: nowrap; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.whole { overflow-wrap: break-word; }
td:first-child { min-width: 8.5em; }
td small { color: var(--soft); font-size: .85em; white-space: nowrap; }
td b { font-weight: 650; }
.paper { margin: 0 0 1.2rem; }
.paper img { display: block; max-width: 100%; height: auto; padding: .75rem; background: var(--sheet);
  border: 1px solid var(--rule); border-radius: 6px; }
.finding { padding: .1rem 0 .1rem 1.1rem; border-left: 3px solid var(--series-1); margin: 0 0 1.3rem;
  break-inside: avoid; }
.finding h3 { margin: 0 0 .2rem; }
.finding p { margin: 0 0 .3rem; }
.finding small, h3 small { color: var(--soft); font-weight: 400; }
.settings { columns: 19rem; column-gap: 2.5rem; font-size: .88rem; }
.settings > div { break-inside: avoid; margin: 0 0 1.2rem; }
.settings h4 { margin: 0 0 .25rem; font: 600 .85rem/1.5 var(--sans); color: var(--soft); }
dl { margin: 0; }
dl div { display: flex; gap: 1rem; justify-content: space-between; padding: .16rem 0;
  border-bottom: 1px solid var(--rule); }
dt { flex: none; max-width: 60%; }
dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; color: var(--soft); }
code, pre { font-family: var(--mono); font-size: .86rem; }
pre { margin: 0 0 1rem; padding: .8rem 1rem; background: var(--wash); border-radius: 6px; overflow-x: auto;
  overflow-wrap: normal; line-height: 1.5; }
summary { cursor: pointer; color: var(--soft); margin: 1.4rem 0 1rem; }
footer { padding-top: 1.2rem; border-top: 1px solid var(--rule); color: var(--soft); font-size: .85rem; }
@media (max-width: 52rem) {
  main { padding: 1.75rem 1.1rem 2.5rem; }
  header { padding-bottom: 1.75rem; }
  section { grid-template-columns: minmax(0, 1fr); gap: .9rem; padding: 1.2rem 0 1.6rem; }
  th, td { padding-right: 1rem; }
}
@media print {
  :root {
    color-scheme: light; --paper: #ffffff; --ink: #000000; --soft: #55514a; --rule: #d5d1c8; --wash: #f5f3ee;
    --series-0: #1f5fb4; --series-1: #c2540a; --series-2: #2c7a4b; --series-3: #8646a3; --series-4: #866514;
    --series-5: #b03558;
  }
  .paper img { filter: none; }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  section { grid-template-columns: 8rem minmax(0, 1fr); gap: 0 1.5rem; }
  .charts { grid-template-columns: 1fr 1fr; }
  pre { white-space: pre-wrap; }
  .settings { columns: 13rem; }
  h2, h3, h4, p:has(+ pre), p:has(+ .paper) { break-after: avoid; }
  tr, .paper, pre { break-inside: avoid; }
}
"""
