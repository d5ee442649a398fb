"""Sets of texts in every layout: sound, cut off, of another type, and hostile; and their real files."""

import gzip
import json

import pytest
import torch

from gradus.core.errors import GradusError, InputError
from gradus.data.texts import (
    Fields,
    Text,
    Texts,
    drop_repeated,
    gather,
    label_tensor,
    read_sst,
    read_texts,
)

SEVERAL = Fields(separator=";")


def texts(path, fields=None):
    return list(read_texts(path, fields or Fields()))


def faults(path, fields=None):
    return [(item.code, item.where) for item in texts(path, fields) if isinstance(item, GradusError)]


def written(place, name, content):
    path = place / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_table_is_read_by_its_columns(tmp_path, name):
    path = written(tmp_path, name, 'label,id,text\ngood,1,"fine, really\nfine"\n\nbad,2,dull\n')
    assert texts(path) == [
        Text("train", ("good",), "fine, really\nfine", f"{path}, line 2"),
        Text("train", ("bad",), "dull", f"{path}, line 5"),
    ]


def test_a_tsv_knows_no_quotes(tmp_path):
    path = written(tmp_path, "a.tsv", 'text\tlabel\tsplit\n"so called" film\t1\tval\n')
    assert texts(path) == [Text("validation", ("1",), '"so called" film', f"{path}, line 2")]


def test_json_lines_take_texts_numbers_and_lists(tmp_path):
    rows = [{"text": "a", "label": 1}, {"text": "b", "label": ["x", "y", "x"]}, {"text": "c", "label": []}]
    path = written(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows[:1])) + "\n\n")
    assert [item.labels for item in texts(path)] == [("1",)]
    path = written(tmp_path, "b.jsonl", "\n".join(map(json.dumps, rows[1:])))
    assert [item.labels for item in texts(path, SEVERAL)] == [("x", "y"), ()]


@pytest.mark.parametrize("splits", [[""], ["train/", "test/"]])
def test_a_folder_is_read_by_class(tmp_path, splits):
    for split in splits:
        for label in ("pos", "neg"):
            (tmp_path / f"{split}{label}").mkdir(parents=True)
            (tmp_path / f"{split}{label}" / "1.txt").write_text(f"{label} one\ntwo")
    found = texts(tmp_path)
    assert {(item.split, item.labels, item.text) for item in found} == {
        (split.strip("/") or "train", (label,), f"{label} one\ntwo")
        for split in splits
        for label in ("pos", "neg")
    }


def test_several_labels_stand_in_one_cell(tmp_path):
    path = written(tmp_path, "a.csv", "text,label\none,x; y\ntwo,\n")
    assert [item.labels for item in texts(path, SEVERAL)] == [("x", "y"), ()]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", "text,label\nfine,\n", ("GR-TEXT-011", 2)),
        ("a.csv", "text,label\nfine,good,more\n", ("GR-TEXT-011", 2)),
        ("a.csv", "text,label,split\nfine,good,later\n", ("GR-TEXT-011", 2)),
        ("a.jsonl", '{"text": "a", "label": 1}\n[1]\n', ("GR-TEXT-012", 2)),
        ("a.jsonl", "\n" + "[" * 100_000, ("GR-TEXT-012", 2)),
        ("a.jsonl", '{"text": 3, "label": 1}', ("GR-TEXT-011", 1)),
        ("a.jsonl", '{"text": "a", "label": null}', ("GR-TEXT-011", 1)),
        ("a.jsonl", '\n{"text": ' + '{"a":' * 100_000, ("GR-TEXT-012", 2)),
        ("a.jsonl", '\n{"text": "a", "label": ' + "9" * 5000 + "}", ("GR-TEXT-012", 2)),
        ("a.jsonl", '{"text": "a", "label": 1}\n{"text": "caf\udce9"}\n', ("GR-TEXT-003", 2)),
        ("a.jsonl", '{"text": "a", "label": 1}\n' + "x" * 2**21, ("GR-TEXT-002", 2)),
        ("a.csv", "text,label\na,b\ncaf\udce9,good\nc,d\n", ("GR-TEXT-003", 3)),
        ("a.csv", 'text,label\n"one\ncaf\udce9\nthree",good\nc,d\n', ("GR-TEXT-003", 3)),
        ("a.tsv", "text\tlabel\na\tb\n" + "x" * 2**21 + "\nc\td\n", ("GR-TEXT-002", 3)),
    ],
)
def test_a_bad_line_is_a_fault_with_its_number(tmp_path, name, content, expected):
    path = tmp_path / name
    path.write_bytes(content.encode(errors="surrogateescape"))
    assert faults(path) == [(expected[0], f"{path}, line {expected[1]}")]


def test_a_bad_file_of_a_class_folder_is_a_fault(tmp_path):
    for name, content in {"good/a.txt": b"fine", "bad/b.txt": b"caf\xe9"}.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(content)
    assert faults(tmp_path) == [("GR-TEXT-003", f"{tmp_path / 'bad/b.txt'}, line 1")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_of_a_table_may_end_in_three_ways(tmp_path, end):
    path = tmp_path / "a.csv"
    path.write_bytes(f'text,label{end}fine,good{end}"a{end}b",bad{end}'.encode())
    assert [(text.text, text.name) for text in texts(path)] == [
        ("fine", f"{path}, line 2"),
        ("a\nb", f"{path}, line 3"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "code", "where"),
    [
        ("a.csv", "text,tone\nfine,good\n", "GR-TEXT-010", "line 1"),
        ("a.csv", "", "GR-TEXT-010", "line 1"),
        ("a.csv", 'text,label\nfine,good\n"never ended,bad\n', "GR-TEXT-011", "line 3"),
        ("a.csv", "text,lab\udce9l\ncafe,good\n", "GR-TEXT-003", "line 1"),
        ("a.txt", "fine\n", "GR-TEXT-016", "a.txt"),
        ("a.jsonl", "x" * (2**20 + 1), "GR-TEXT-002", "line 1"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, name, content, code, where):
    path = tmp_path / name
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=code) as caught:
        texts(path)
    assert where in caught.value.where


def test_a_compressed_table_cut_off_is_refused(tmp_path):
    path = written(tmp_path, "a.csv.gz", "text,label\n" + "fine film,good\n" * 500)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(InputError, match="GR-TEXT-001"):
        texts(path)


@pytest.mark.parametrize("names", [[], ["loose.txt"], ["pos/1.txt", "loose.txt"], ["train/1.txt"]])
def test_a_folder_without_class_folders_is_refused(tmp_path, names):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a text")
    with pytest.raises(InputError, match="GR-TEXT-016"):
        texts(tmp_path)


def item(split="train", label="a", text="one", name="x, line 1"):
    return Text(split, (label,), text, name)


FAULT = InputError("GR-TEXT-011", where="x, line 9", wanted="a", got="b", remedy="c.")


def test_faults_are_counted_or_left_out():
    items = [item(), item(label="b"), FAULT, FAULT]
    with pytest.raises(InputError, match="1 more lines") as caught:
        gather(items, where="x")
    assert caught.value.where == "x, line 9"
    found = gather(items, where="x", skip_bad=True)
    assert found.skipped == ("x, line 9", "x, line 9")
    assert len(found.splits["train"]) == 2


@pytest.mark.parametrize(
    ("items", "code", "where"),
    [
        ([], "GR-TEXT-013", "x"),
        ([item(), item()], "GR-TEXT-014", "x"),
        ([item(), item(label="b"), item("test", "c", name="x, line 7")], "GR-TEXT-015", "x, line 7"),
    ],
)
def test_sets_that_teach_nothing_are_refused(items, code, where):
    with pytest.raises(InputError, match=code) as caught:
        gather(items, where="x")
    assert caught.value.where == where


def test_classes_go_by_number_or_by_alphabet():
    assert gather([item(label=one) for one in ("10", "9", "-1")], where="x").classes == ("-1", "9", "10")
    assert gather([item(label=one) for one in ("10", "9", "b")], where="x").classes == ("10", "9", "b")
    assert gather([item(label="b")], where="x", classes=("b", "a")).classes == ("b", "a")


def test_labels_are_numbers_or_ones():
    assert label_tensor([("b",), ("a",)], "ab", several=False).tolist() == [1, 0]
    target = label_tensor([("b", "a"), (), ("b",)], "ab", several=True)
    torch.testing.assert_close(target, torch.tensor([[1.0, 1], [0, 0], [0, 1]]))


def test_texts_of_a_later_split_are_dropped_from_the_earlier_ones():
    def made(*words):
        return Texts(list(words), [("a",)] * len(words), list(words))

    splits = {"train": made("one", "two", "three", "two"), "validation": made("two"), "test": made(" ONE")}
    kept, dropped = drop_repeated(splits)
    assert {split: part.texts for split, part in kept.items()} == {
        "train": ["three"],
        "validation": ["two"],
        "test": [" ONE"],
    }
    assert {split: part.texts for split, part in dropped.items()} == {"train": ["one", "two", "two"]}


def test_sst_names_a_line_without_a_sentence(tmp_path):
    for part in ("train", "dev", "test"):
        (tmp_path / f"stsa.binary.{part}").write_text("1 a -lrb- good -rrb- film\nfine\n")
    found = list(read_sst(tmp_path, "binary"))
    assert [one.text for one in found if isinstance(one, Text)] == ["a ( good ) film"] * 3
    assert [one.where for one in found if isinstance(one, GradusError)] == [
        f"{tmp_path}/stsa.binary.{part}, line 2" for part in ("train", "dev", "test")
    ]


def test_the_real_sets_have_their_sizes(real_data):
    sizes = {"binary": (6920, 872, 1821), "fine": (8544, 1101, 2210)}
    for kind, counts in sizes.items():
        found = gather(read_sst(real_data / "sst", kind), where="sst").splits
        assert tuple(len(found[split]) for split in ("train", "validation", "test")) == counts
    fields = Fields(label="airline_sentiment")
    path = real_data / "twitter_airline" / "Tweets.csv.gz"
    found = gather(read_texts(path, fields), where=str(path))
    assert {split: len(part) for split, part in found.splits.items()} == {"train": 11712, "test": 2928}
    assert found.classes == ("negative", "neutral", "positive")


def test_a_csv_may_be_separated_by_semicolons_and_its_ending_be_in_capitals(tmp_path):
    path = written(tmp_path, "a.CSV", 'id;text;label\n1;"one, two;\nthree";good\n2;four;bad\n')
    assert [(text.text, text.labels) for text in texts(path)] == [
        ("one, two;\nthree", ("good",)),
        ("four", ("bad",)),
    ]
    (tmp_path / "B.CSV.GZ").write_bytes(gzip.compress(path.read_bytes()))
    assert len(texts(tmp_path / "B.CSV.GZ")) == 2


def test_columns_in_other_capitals_are_named_in_the_remedy(tmp_path):
    path = written(tmp_path, "a.csv", "Label,my text\na,b\n")
    with pytest.raises(InputError, match=r"--data.text-column 'my text' --data.label-column Label\."):
        texts(path, Fields(text="My Text"))
    with pytest.raises(InputError, match=r"give --data.text-column and --data.label-column\."):
        texts(path)
