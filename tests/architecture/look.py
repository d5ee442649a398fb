"""What stands out in the code, for `make look`: the longest files and functions. Nothing fails over it."""

import ast
from pathlib import Path

GRADUS = Path(__file__).resolve().parents[2] / "gradus"
SHOWN = 15


def main() -> None:
    files, functions = [], []
    for path in GRADUS.rglob("*.py"):
        text = path.read_text()
        name = path.relative_to(GRADUS.parent)
        files.append((text.count("\n"), str(name)))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                functions.append(((node.end_lineno or node.lineno) - node.lineno + 1, f"{name}:{node.lineno} {node.name}"))
    total = sum(lines for lines, _ in files)
    print(f"{len(files)} files, {total} lines, median {sorted(files)[len(files) // 2][0]}")
    for title, rows in (("longest files", files), ("longest functions", functions)):
        print(f"\n{title}")
        for lines, name in sorted(rows, reverse=True)[:SHOWN]:
            print(f"{lines:6d}  {name}")


if __name__ == "__main__":
    main()
