"""Asking a trained model: inputs in, answers out in the same order, and their files.

An input is a path, an array, bytes or a text: what the job's ``read`` takes. A file of arrays (.npy, .npz)
stands for the items in it, and so do a file of lines where the job's inputs are lines and a table of series.
"""

import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import MAGIC_PREFIX
from numpy.typing import NDArray
from torch import Tensor

from gradus.core.errors import GradusError, InputError
from gradus.core.files import json_line, made_folder, write_bytes
from gradus.data.lines import read_lines
from gradus.data.members import is_left_behind, refuse_hostile
from gradus.engine.job import Answer, Deployable, Raw

ARRAYS = (".npy", ".npz")
MADE = re.compile(r"pictures/\d{5,}-[A-Za-z0-9_-]+\.png")
Item = tuple[Raw, Raw | GradusError]  # an input's name, and what is read: itself, or one array of a file
Answered = tuple[Raw, Answer | GradusError]


def predict(
    deployable: Deployable, inputs: Iterable[Raw], *, batch: int = 64, skip_bad: bool = False
) -> Iterator[Answered]:
    """Each input with its answer, in order; what a file holds goes by its place, ``scans.npz:images[3]``.

    Up to ``batch`` inputs are held at a time, and those of one shape are computed together, on the module's
    device. An input that cannot be read or computed raises its GradusError after the answers before it; with
    ``skip_bad`` the error stands in place of an answer.
    """
    items = _items(deployable, inputs, skip_bad=skip_bad)
    yield from answered(deployable, items, batch=batch, skip_bad=skip_bad)


def answered(
    deployable: Deployable, items: Iterator[Item], *, batch: int, skip_bad: bool
) -> Iterator[Answered]:
    """``predict`` of inputs that have their names already."""
    assert batch >= 1, "a batch holds something"
    deployable.module.eval()
    while window := list(islice(items, batch)):
        for name, answer in _answers(deployable, window):
            if isinstance(answer, GradusError) and not skip_bad:
                raise answer
            yield name, answer


def _items(deployable: Deployable, inputs: Iterable[Raw], *, skip_bad: bool) -> Iterator[Item]:
    """The inputs, with the arrays, the lines or the series of a file in its place."""
    for raw in inputs:
        try:
            if isinstance(raw, Path) and raw.suffix.lower() in ARRAYS:
                yield from arrays(raw)
            elif isinstance(raw, Path) and deployable.lines:
                faults = list[InputError]()
                lines = read_lines(raw, faults=faults if skip_bad else None)
                yield from with_faults(deployable.lines(lines, str(raw)), faults)
            elif isinstance(raw, Path) and deployable.inside:
                yield from deployable.inside(raw)
            else:
                yield raw, raw
        except GradusError as error:
            yield raw, error


def with_faults(items: Iterator[Item], faults: list[InputError]) -> Iterator[Item]:
    """The items in lines, and the errors of bad lines as they are read, each under its place."""
    for item in items:
        yield from ((fault.where, fault) for fault in faults)
        faults.clear()
        yield item
    yield from ((fault.where, fault) for fault in faults)


def _answers(deployable: Deployable, window: Sequence[Item]) -> list[Answered]:
    """A window of inputs with their answers: read one by one, computed together where their shapes agree."""
    answers: dict[int, Answer | GradusError] = {}
    alike: dict[tuple[Any, ...], dict[int, dict[str, Tensor]]] = {}
    for place, (name, raw) in enumerate(window):
        try:
            if isinstance(raw, GradusError):
                raise raw
            tensors = deployable.read(raw)
        except GradusError as error:
            answers[place] = _located(error, name) if isinstance(raw, np.ndarray) else error
            continue
        assert all(len(tensor) == 1 for tensor in tensors.values()), "read gives tensors of one item"
        shape = tuple((key, tensors[key].shape, tensors[key].dtype) for key in deployable.example)
        alike.setdefault(shape, {})[place] = tensors
    for group in alike.values():
        try:
            outputs = _outputs(deployable, list(group.values()))
        except GradusError as error:  # a model may refuse a shape that its reader lets through
            answers |= dict.fromkeys(group, error)
            continue
        for row, place in enumerate(group):
            output = {name: tensor[row : row + 1] for name, tensor in outputs.items()}
            answers[place] = deployable.answer(output, window[place][1])
    return [(name, answers[place]) for place, (name, _) in enumerate(window)]


def _located(error: GradusError, name: Raw) -> GradusError:
    """The same error with the place of an array in its file, which the job's reader does not know."""
    where = error.where if isinstance(name, np.ndarray) else str(name)
    return type(error)(error.code, where=where, wanted=error.wanted, got=error.got, remedy=error.remedy)


@torch.no_grad()
def _outputs(deployable: Deployable, inputs: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The module's outputs for inputs of one shape, a row each, on the CPU."""
    held = [*deployable.module.parameters(), *deployable.module.buffers()]
    device = held[0].device if held else torch.device("cpu")
    given = [torch.cat([tensors[name] for tensors in inputs]).to(device) for name in deployable.example]
    output = deployable.module(*given)
    named = {"output": output} if isinstance(output, Tensor) else dict(output)
    assert all(len(tensor) == len(inputs) for tensor in named.values()), "an output has a row for each input"
    return {name: tensor.cpu() for name, tensor in named.items()}


def expand(given: Sequence[str], *, spoken: bool = False, endings: tuple[str, ...] = ()) -> list[Path | str]:
    """The inputs that words on the command line stand for.

    A file is itself, a folder all files below it, sorted: none that is hidden or left behind by a system, and
    where there are ``endings`` none with another. Where inputs are ``spoken``, words that do not look like a
    path are an input. Raises InputError for a path that does not exist and for a folder without files.
    """
    inputs: list[Path | str] = []
    for word in given:
        if not word.strip():
            raise _absent("an INPUT", "an empty one")  # as a path it would be the folder that one stands in
        path = Path(word)
        if spoken and not _looks_like_a_path(word):
            inputs.append(word)
            continue
        if not path.is_dir():
            if not path.exists():
                raise _absent(word, "nothing")
            inputs.append(path)
            continue
        inside = [file for file in _files_below(path) if _has_ending(file, endings)]
        if not inside:
            raise _absent(word, f"a folder without files{_that_end(endings)}")
        inputs += sorted(inside)
    return inputs


def passed_over(given: Sequence[str], *, endings: tuple[str, ...]) -> int:
    """How many files in the folders among these words ``expand`` leaves out for their endings."""
    folders = [Path(word) for word in given if word.strip() and Path(word).is_dir()]
    return sum(not _has_ending(file, endings) for folder in folders for file in _files_below(folder))


def _files_below(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return [file for file in files if not is_left_behind(file.relative_to(folder).as_posix())]


def _has_ending(file: Path, endings: tuple[str, ...]) -> bool:
    return not endings or file.name.lower().endswith((*endings, *ARRAYS))


def _that_end(endings: tuple[str, ...]) -> str:
    """In words, the endings that files must have; nothing where any will do."""
    return f" that end in {', '.join(endings)}" if endings else ""


def _looks_like_a_path(word: str) -> bool:
    """Whether a word is there as a file, or would be one but for a slip: ``reviews/``, ``reviews.txt``."""
    with suppress(OSError, ValueError):  # a sentence may be too long for a name
        if Path(word).exists():
            return True
    if re.search(r"\w\.(csv|tsv|txt|jsonl|ndjson|gz|npy|npz)$", word.lower()):
        return True
    is_one_word = len(word.split()) == 1
    return is_one_word and ("/" in word or re.search(r"\w\.[A-Za-z]\w{0,5}$", word) is not None)


def _absent(given: str, got: str) -> InputError:
    return InputError(
        "GR-DATA-050",
        where=given,
        wanted="a file, or a folder with files",
        got=got,
        remedy="Check the path; quote it if it has spaces.",
    )


def arrays(path: Path) -> Iterator[tuple[str, NDArray[Any]]]:
    """The items of an .npy or .npz file, each with its place: ``scans.npz:images[3]``.

    An array of three dimensions (N, H, W) or four is N items; any other is one item. Raises InputError for
    a file that is not of this format or that holds Python objects, which are never loaded.
    """
    try:
        with ExitStack() as stack:
            file = stack.enter_context(path.open("rb"))
            if file.read(len(MAGIC_PREFIX)) == MAGIC_PREFIX:
                members = {"": np.load(path, mmap_mode="r", allow_pickle=False)}
            else:
                file.seek(0)  # numpy leaves a file open that it fails to read, unless it is opened for it
                members = stack.enter_context(np.load(file, allow_pickle=False))
                refuse_hostile(members.zip.infolist(), str(path))
            count = 0
            for name in members:
                for item in _rows(members[name], f"{path}:{name}" if name else str(path)):
                    count += 1
                    yield item
            if count == 0:
                raise ValueError("no array with an item in it")
    except GradusError:
        raise
    except Exception as error:  # numpy, given hostile bytes, raises MemoryError, TokenError, RuntimeError ...
        raise InputError(
            "GR-DATA-051",
            where=str(path),
            wanted="arrays of numbers in numpy's format",
            got=str(error).partition("\n")[0].lower(),
            remedy="Write the file again with numpy.save or numpy.savez, without objects in it.",
        ) from error


def _rows(array: NDArray[Any], label: str) -> Iterator[tuple[str, NDArray[Any]]]:
    """The items of one array, each in memory of its own; ValueError for a member that is no array."""
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{label} is no array")
    if array.ndim in (3, 4):
        yield from ((f"{label}[{place}]", np.array(row)) for place, row in enumerate(array))
    else:
        yield label, np.array(array)


def save_answers(pairs: Iterable[Answered], folder: Path) -> Path:
    """Write ``answers.jsonl``, a line an input, and under ``pictures/`` what answers draw.

    An error in place of an answer is written as its code and message. Returns the path of ``answers.jsonl``.
    Answers that were there are replaced with their pictures; no other file is touched. All is written or
    nothing: InputError where the disk is full or refuses.
    """
    lines, written = list[str](), list[Path]()
    earlier = _pictures_of(folder)
    with made_folder(folder), made_folder(folder / "pictures"):
        try:
            for place, (raw, answer) in enumerate(pairs):
                name = str(raw) if isinstance(raw, str | Path) else f"input {place + 1}"
                line: dict[str, Any] = {"input": name}
                if isinstance(answer, GradusError):
                    line |= {"error": answer.code, "message": str(answer)}
                else:
                    line |= answer.to_dict()
                    if picture := _drawn(answer):
                        line["picture"] = f"pictures/{place + 1:05d}-{_plain(name)}.png"
                        written.append(folder / line["picture"])
                        write_bytes(written[-1], picture)
                lines.append(f"{json_line(line)}\n")
            write_bytes(folder / "answers.jsonl", "".join(lines).encode())
        except GradusError:
            for path in written:
                path.unlink(missing_ok=True)
            raise
        for path in earlier - set(written):
            path.unlink(missing_ok=True)
    return folder / "answers.jsonl"


def _pictures_of(folder: Path) -> set[Path]:
    """The pictures that the answers in a folder name, by the names that only ``save_answers`` gives."""
    found = set[Path]()
    with suppress(OSError, ValueError, RecursionError):  # no answers there, or a file of another make
        for line in (folder / "answers.jsonl").read_text(encoding="utf-8").splitlines():
            answer = json.loads(line)
            name = answer.get("picture") if isinstance(answer, dict) else None
            if isinstance(name, str) and MADE.fullmatch(name):
                found.add(folder / name)
    return found


def _drawn(answer: Answer) -> bytes | None:
    """The picture of an answer as PNG."""
    image = answer.draw()
    if image is None:
        return None
    content = io.BytesIO()
    image.save(content, format="PNG")
    return content.getvalue()


def _plain(name: str) -> str:
    """The last part of a name as letters that every file system takes; a number before it keeps it apart."""
    return re.sub("[^A-Za-z0-9_-]+", "-", Path(name).name).strip("-")[:60] or "input"
