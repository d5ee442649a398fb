"""Prints what stands out in the source, for a person to judge; nothing fails over it.

``python tests/architecture/look.py``
"""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONG_FILE, LONG_FUNCTION, MANY_FIELDS = 400, 60, 30


def odd(path: Path) -> Iterator[tuple[int, str]]:
    """What is long in a file, as (size, sentence)."""
    text, name = path.read_text(encoding="utf-8"), path.relative_to(ROOT)
    lines = len(text.splitlines())
    if lines > LONG_FILE:
        yield lines, f"{name}: {lines} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            if size > LONG_FUNCTION:
                yield size, f"{name}:{node.lineno}: {node.name} has {size} lines"
        if isinstance(node, ast.ClassDef):
            fields = sum(isinstance(item, ast.AnnAssign) for item in node.body)
            if fields > MANY_FIELDS:
                yield fields, f"{name}:{node.lineno}: {node.name} has {fields} fields"


def sizes(folder: str) -> str:
    """How large the files of a folder are."""
    counts = sorted(
        len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / folder).rglob("*.py")
    )
    median, ninth = statistics.median(counts), counts[9 * len(counts) // 10]
    return f"{folder}: {len(counts)} files, median {median:g} lines, 90% below {ninth}, longest {counts[-1]}"


if __name__ == "__main__":
    print(sizes("gradus"))
    print(sizes("tests"))
    for _, sentence in sorted(
        (o for path in (ROOT / "gradus").rglob("*.py") for o in odd(path)), reverse=True
    ):
        print(sentence)
