"""Pictures of the user's own: class folders, or a table of paths and labels, on disk or in a zip.

Layouts, each also inside a zip, with or without one folder around it all:
    <class>/**/*.jpg                                        no splits: everything is "train"
    {train,val,valid,validation,test}/<class>/**/*.jpg
    a .csv or .tsv with the columns path, label and, if there are splits, split; paths start at the table
A folder or zip that holds such a table at its top is read by the table, any other by its folders.
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from gradus.core.errors import InputError
from gradus.data.listings import SPLITS, Item, Listing, read_listing
from gradus.data.members import Members, is_left_behind, open_members, read_file
from gradus.data.picture_sets import PictureSet, some_of
from gradus.data.pictures import SUFFIXES, PictureForm
from gradus.data.tables import SEPARATORS, has_columns, list_table


def read_folders(
    path: Path, form: PictureForm, *, skip_bad: bool = False, classes: tuple[str, ...] | None = None
) -> PictureSet:
    """Every picture below a folder or in a zip, labelled by its folder or by the table at the top.

    Other files are passed over and counted in the notes. A broken picture or row is an InputError that names
    the first and counts the rest; with ``skip_bad`` they are left out and listed.
    """
    with open_members(path) as members:
        visible = [name for name in members.names if not is_left_behind(name)]
        pictures = [name for name in visible if PurePosixPath(name).suffix.lower() in SUFFIXES]
        table = _table_at_the_top(members, visible)
        if table is None:
            items = list_folders(pictures, members.where, enclosed=path.is_file())
            listing = Listing(items, [], _others(members.names, pictures))
        else:
            known = frozenset(members.names)
            listed = list_table(members.read(table), table, where=members.where, exists=known.__contains__)
            listing = Listing(listed.items, listed.faults, _unnamed(pictures, listed.items, table))
        return read_listing(members, listing, form, skip_bad=skip_bad, classes=classes)


def read_table(
    path: Path, form: PictureForm, *, skip_bad: bool = False, classes: tuple[str, ...] | None = None
) -> PictureSet:
    """Every picture that a .csv or .tsv on disk names, as ``read_folders`` does; paths may lead anywhere."""
    root = path.parent
    content = read_file(root, path.name)
    listing = list_table(content, path.name, where=str(root), exists=partial(_is_file, root))
    members = Members(str(root), tuple(item.name for item in listing.items), partial(read_file, root))
    return read_listing(members, listing, form, skip_bad=skip_bad, classes=classes)


def _is_file(root: Path, name: str) -> bool:
    try:
        return (root / name).is_file()
    except OSError:  # a name that no file can have
        return False


def list_folders(names: Sequence[str], where: str, *, enclosed: bool = False) -> list[Item]:
    """The split and the class of each picture, by the folders it is in.

    ``enclosed`` takes one folder around everything off, as archives have it. InputError where a picture has
    no class folder, or where split folders and others lie side by side.
    """
    paths = {name: PurePosixPath(name).parts for name in names}
    while enclosed and _has_one_folder_around(list(paths.values())):
        paths = {name: parts[1:] for name, parts in paths.items()}
    tops = {parts[0] for parts in paths.values()}
    splits = {top for top in tops if top.lower() in SPLITS}
    holding_folders = {parts[0] for parts in paths.values() if len(parts) > 2}
    if splits & holding_folders and tops != splits:
        raise _misplaced(where, f"{some_of(sorted(splits))} beside {some_of(sorted(tops - splits))}")
    by_split = tops == splits
    loose = [name for name, parts in paths.items() if len(parts) < (3 if by_split else 2)]
    if loose:
        raise _misplaced(where, f"{len(loose)} outside one, the first {loose[0]}")
    if by_split:
        return [Item(SPLITS[parts[0].lower()], parts[1], name) for name, parts in paths.items()]
    return [Item("train", parts[0], name) for name, parts in paths.items()]


def _has_one_folder_around(paths: Sequence[tuple[str, ...]]) -> bool:
    tops = {parts[0].lower() for parts in paths}
    return len(tops) == 1 and not tops & SPLITS.keys() and min(map(len, paths)) > 2


def _misplaced(where: str, got: str) -> InputError:
    return InputError(
        "GR-DATA-012",
        where=where,
        wanted="every picture in a class folder, or in a class folder of train, validation or test",
        got=got,
        remedy="Move the pictures into one folder a class, alike in every split.",
    )


def _table_at_the_top(members: Members, names: Sequence[str]) -> str | None:
    """The table to read by, if there is one: directly in the set or in the one folder of an archive."""
    tables = [
        name
        for name in names
        if PurePosixPath(name).suffix.lower() in SEPARATORS
        and len(PurePosixPath(name).parts) <= 2
        and has_columns(members.read(name), name)
    ]
    if len(tables) > 1:
        raise InputError(
            "GR-DATA-010",
            where=members.where,
            wanted="one table with the columns path and label",
            got=f"{len(tables)}: {some_of(tables)}",
            remedy="Join them into one with a column split, or give the path of one of them.",
        )
    return tables[0] if tables else None


def _others(names: Sequence[str], pictures: Sequence[str]) -> tuple[str, ...]:
    """A note about the files that are no pictures, if there are any."""
    others = sorted(set(names) - set(pictures))
    if not others:
        return ()
    kinds = Counter("hidden" if is_left_behind(n) else PurePosixPath(n).suffix or "no ending" for n in others)
    kinds_said = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return (f"files passed over that are no pictures: {len(others)} ({kinds_said})",)


def _unnamed(pictures: Sequence[str], items: Sequence[Item], table: str) -> tuple[str, ...]:
    """A note about the pictures that a table leaves out, if there are any."""
    count = len(set(pictures) - {item.name for item in items})
    return (f"pictures passed over that {table} does not name: {count}",) if count else ()
