"""Predict: every input gets its own answer, in order, however inputs are batched; bad ones are named."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from gradus.core.errors import GradusError, InputError
from gradus.engine.job import Answer
from gradus.ship.predict import arrays, expand, passed_over, predict, save_answers
from tests.unit.ship.weigher import Total, bad, read, toy


def total(raw):
    """What the toy says of one input, by hand."""
    return pytest.approx(2 * float(np.sum(raw)) - 1)


inputs = st.lists(st.none() | st.lists(st.integers(-9, 9), min_size=1, max_size=8), max_size=30)


@settings(deadline=None)
@given(inputs, st.integers(1, 9))
def test_every_input_gets_its_own_answer_in_order(raws, batch):
    pairs = list(predict(toy(), raws, batch=batch, skip_bad=True))
    assert [raw for raw, _ in pairs] == raws
    for raw, said in pairs:
        if raw is None or len(raw) == 7:
            assert isinstance(said, GradusError)
        else:
            assert isinstance(said, Answer)
            assert said.total == total(raw)


def test_inputs_of_one_shape_are_computed_together_up_to_a_batch():
    deployable = toy()
    list(predict(deployable, [[1], [1, 2], [3], [3, 4], [5], [6]], batch=5))
    assert deployable.module.sizes == [3, 2, 1]


def test_a_file_stands_for_the_inputs_inside_it(tmp_path):
    def inside(path):
        if path.suffix == ".bad":
            raise bad("a file that is none")
        yield f"{path}, first", [1, 2]
        yield f"{path}, second", bad("a broken one")
        yield f"{path}, third", [3]

    deployable = replace(toy(), inside=inside)
    np.save(tmp_path / "b.npy", np.array([4.0]))
    inputs = [tmp_path / name for name in ("a.txt", "b.npy", "c.bad")]
    found = list(predict(deployable, inputs, skip_bad=True))
    assert [str(name).removeprefix(f"{tmp_path}/") for name, _ in found] == [
        *(f"a.txt, {name}" for name in ("first", "second", "third")),
        *("b.npy", "c.bad"),
    ]
    assert [isinstance(said, GradusError) for _, said in found] == [False, True, False, False, True]
    assert [said.total for _, said in found if isinstance(said, Total)] == [
        total([1, 2]),
        total([3]),
        total([4]),
    ]
    before = predict(deployable, inputs)
    assert next(before)[1].total == total([1, 2])
    with pytest.raises(GradusError, match="a broken one"):
        list(before)


def test_the_module_rests_and_the_callers_gradients_do_not():
    deployable = toy()
    deployable.module.train()
    for _ in predict(deployable, [[1.0, 2.0]]):
        assert torch.is_grad_enabled()
        assert not deployable.module.training
    kept = []

    def keep(output, raw):
        kept.append(output["output"])
        return Total(0.0)

    list(predict(toy(answer=keep), [[1.0]]))
    assert not kept[0].requires_grad


def test_a_bad_input_raises_after_the_answers_before_it():
    pairs = predict(toy(), [[1], [2], None, [3]])
    assert [next(pairs)[0], next(pairs)[0]] == [[1], [2]]
    with pytest.raises(InputError, match="got none"):
        next(pairs)


def test_an_error_that_is_not_about_the_input_is_not_hidden():
    with pytest.raises(TypeError, match="can't convert"):
        list(predict(toy(), [["x"]], skip_bad=True))


def test_inputs_are_read_as_they_are_needed():
    seen = []
    deployable = replace(toy(), read=lambda raw: seen.append(raw) or read(raw))
    next(predict(deployable, [[place] for place in range(1000)], batch=4))
    assert seen == [[0], [1], [2], [3]]


def test_a_dict_of_outputs_is_split_by_name():
    class Two(nn.Module):
        def forward(self, values, weight):
            return {"sum": values.sum(1), "all": values}

    def both(output, raw):
        assert output["all"].tolist() == [raw]
        return Total(output["sum"].item())

    said = [a.total for _, a in predict(toy(Two(), both), [[1.0, 2.0], [3.0, 4.0]])]
    assert said == [3, 7]


def test_arrays_of_a_file_go_by_their_place(tmp_path):
    stack = np.arange(24.0).reshape(2, 3, 4)
    np.save(tmp_path / "stack.npy", stack)
    np.savez(tmp_path / "many.NPZ", deep=stack[None], one=stack[0])
    (tmp_path / "many.NPZ.npz").rename(tmp_path / "many.NPZ")
    paths = expand([str(tmp_path)])
    pairs = list(predict(toy(), paths, batch=3))
    assert [raw for raw, _ in pairs] == [
        f"{tmp_path}/many.NPZ:deep[0]",
        f"{tmp_path}/many.NPZ:one",
        f"{tmp_path}/stack.npy[0]",
        f"{tmp_path}/stack.npy[1]",
    ]
    assert [a.total for _, a in pairs] == [total(stack), total(stack[0]), total(stack[0]), total(stack[1])]


def test_an_answer_is_given_what_was_read_and_not_its_name(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 3, 4)))
    deployable = toy(answer=lambda output, raw: Total(float(raw.sum())))
    assert [said.total for _, said in predict(deployable, [tmp_path / "a.npy"])] == [12, 12]


@pytest.mark.parametrize(
    ("shape", "items"), [((), 1), ((4,), 1), ((3, 4), 1), ((5, 3, 4), 5), ((5, 3, 4, 2), 5), ((2,) * 5, 1)]
)
def test_three_and_four_dimensions_are_items(tmp_path, shape, items):
    np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))
    found = list(arrays(tmp_path / "a.npy"))
    assert len(found) == items
    assert all(type(array) is np.ndarray and array.flags.writeable for _, array in found)


def spoil(path, kind):
    if kind == "objects":
        np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    elif kind == "objects in a zip":
        with path.open("wb") as file:
            np.savez(file, a=np.array([{}], dtype=object))
    elif kind == "cut short":
        np.save(path, np.zeros((9, 9)))
        path.write_bytes(path.read_bytes()[:-8])
    elif kind == "cut zip":
        with path.open("wb") as file:
            np.savez_compressed(file, a=np.arange(999))
        path.write_bytes(path.read_bytes()[:-30])
    elif kind != "absent":
        path.write_bytes({"empty": b"", "text": b"hello", "zip's first letters": b"PK\x03\x04rest"}[kind])


KINDS = [
    "objects",
    "objects in a zip",
    "cut short",
    "cut zip",
    "absent",
    "empty",
    "text",
    "zip's first letters",
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_holds_no_arrays_is_named(tmp_path, kind):
    path = tmp_path / "a.npy"
    spoil(path, kind)
    with pytest.raises(InputError, match="GR-DATA-051"):
        list(arrays(path))
    ((raw, said),) = predict(toy(), [path], skip_bad=True)
    assert raw == path
    assert str(path) in str(said)


def test_paths_expand_to_sorted_files_without_hidden_ones(tmp_path):
    others = (".hidden/x.png", "a/.DS_Store", "a/Thumbs.db", "__MACOSX/a/._2.png")
    for name in ("b.png", "a/2.png", "a/10.png", "c d/é.png", *others):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    found = expand([str(tmp_path), str(tmp_path / "a" / ".DS_Store")])
    names = [path.relative_to(tmp_path).as_posix() for path in found]
    assert names == ["a/10.png", "a/2.png", "b.png", "c d/é.png", "a/.DS_Store"]


def test_files_of_a_folder_with_other_endings_are_passed_over_and_counted(tmp_path):
    for name in ("a.PNG", "b.txt", "c.npz", "d", ".e.png"):
        (tmp_path / name).touch()
    given = [str(tmp_path), str(tmp_path / "b.txt")]
    found = expand(given, endings=(".png", ".jpg"))
    assert [path.name for path in found] == ["a.PNG", "c.npz", "b.txt"]
    assert passed_over(given, endings=(".png", ".jpg")) == 2
    assert passed_over([*given, ""], endings=()) == 0
    (tmp_path / "c.npz").unlink()
    with pytest.raises(InputError, match=r"a folder without files that end in \.gif\."):
        expand(given, endings=(".gif",))


def test_a_missing_path_and_an_empty_folder_are_errors(tmp_path):
    for path in (tmp_path / "absent.png", tmp_path):
        with pytest.raises(InputError, match="GR-DATA-050") as caught:
            expand([str(path)])
        assert caught.value.where == str(path)


@pytest.mark.parametrize("spoken", [False, True])
@pytest.mark.parametrize("word", ["", "  "])
def test_nothing_does_not_stand_for_the_working_folder(tmp_path, monkeypatch, spoken, word):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(InputError, match="an INPUT: wanted a file"):
        expand([word], spoken=spoken)


def test_answers_are_written_with_pictures_that_do_not_collide(tmp_path):
    raws = ["a/cat.png", "b/cat.png", "../../CAT.png", "<script>/\0$(rm)", np.zeros(3), "s.npz:i[3]"]
    path = save_answers([(raw, Total(1.0, pictured=True)) for raw in raws], tmp_path / "out")
    assert path == tmp_path / "out" / "answers.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["input"] for line in lines] == [*raws[:4], "input 5", raws[5]]
    pictures = [line["picture"] for line in lines]
    assert len({name.lower() for name in pictures}) == len(raws)
    assert all(
        name.replace("pictures/", "").replace("-", "").replace(".png", "").isalnum() for name in pictures
    )
    for name in pictures:
        with Image.open(tmp_path / "out" / name) as image:
            assert (image.size, image.getpixel((0, 0))) == ((2, 3), 128)
    assert sorted(f"pictures/{p.name}" for p in (tmp_path / "out" / "pictures").iterdir()) == sorted(pictures)


def test_answers_without_pictures_errors_and_numbers_that_json_lacks(tmp_path):
    pairs = [("a", Total(float("nan"))), ("b", bad("none")), ("c", Total(2.5))]
    lines = save_answers(iter(pairs), tmp_path / "new" / "out").read_text().splitlines()
    assert json.loads(lines[0]) == {"input": "a", "total": None}
    assert json.loads(lines[1])["error"] == "GR-DATA-050"
    assert json.loads(lines[2]) == {"input": "c", "total": 2.5}
    assert not (tmp_path / "new" / "out" / "pictures").exists()


def test_answers_replace_those_before_with_their_pictures_and_nothing_else(tmp_path):
    save_answers([(name, Total(1.0, pictured=True)) for name in ("a", "b")], tmp_path)
    mine = [tmp_path / "notes.txt", tmp_path / "pictures" / "mine.png", tmp_path / "pictures" / "00009-c.png"]
    for path in mine:
        path.write_text("mine")
    save_answers([("a", Total(1.0, pictured=True))], tmp_path)
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {
        "00001-a.png",
        "mine.png",
        "00009-c.png",
    }
    assert [path.read_text() for path in mine] == ["mine"] * 3


@pytest.mark.parametrize("line", ["no JSON", "[1]", '{"picture": "../notes.png"}', '{"picture": 3}', "\xff"])
def test_a_file_of_answers_that_gradus_did_not_write_names_nothing_to_replace(tmp_path, line):
    (tmp_path / "out").mkdir()
    (tmp_path / "notes.png").write_text("mine")
    (tmp_path / "out" / "answers.jsonl").write_bytes(line.encode("latin-1") + b"\n")
    save_answers([("a", Total(1.0))], tmp_path / "out")
    assert (tmp_path / "notes.png").read_text() == "mine"
