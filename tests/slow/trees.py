"""What is in a folder, to the byte, and how two such pictures of it differ."""

import os
import stat
from pathlib import Path

Tree = dict[str, tuple[str, bytes]]  # by path below the folder: kind, and content or target


def tree(folder: Path) -> Tree:
    """Everything below a folder; links are not followed, pipes not opened."""
    found: Tree = {}
    for above, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(above, name)
            found[str(path.relative_to(folder))] = _entry(path)
    return found


def _entry(path: Path) -> tuple[str, bytes]:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return "link", bytes(path.readlink())
    if stat.S_ISREG(mode):
        return "file", path.read_bytes()
    return ("folder" if stat.S_ISDIR(mode) else "other"), b""


def differences(before: Tree, after: Tree) -> list[str]:
    """What is gone, new or other, a line each."""
    said = {path: "gone" for path in before.keys() - after.keys()}
    said |= {path: "new" for path in after.keys() - before.keys()}
    said |= {path: "changed" for path in before.keys() & after.keys() if before[path] != after[path]}
    return [f"{path} {said[path]}" for path in sorted(said)]
