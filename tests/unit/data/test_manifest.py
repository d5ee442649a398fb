"""The manifest: items by split, and what is found of them when data are read again."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from gradus.core.errors import InputError
from gradus.data.manifest import LEFT_OUT, NOTHING, Keys, Manifest, content_keys, data_changed, key_of


def keys(*items: str) -> Keys:
    """Items ``content@place``."""
    pairs = [item.partition("@")[::2] for item in items]
    return Keys.of((key_of(content) for content, _ in pairs), [place for _, place in pairs])


def manifest(**splits: str) -> Manifest:
    return Manifest.of({split: keys(*items.split()) for split, items in splits.items()})


def test_a_key_tells_its_parts_apart():
    assert key_of("a", "bc") != key_of("ab", "c")
    assert key_of("a", "b") == key_of(b"a", b"b")
    assert key_of("\udcff") == key_of(b"\xed\xb3\xbf")
    rows = np.arange(6, dtype=np.uint8).reshape(3, 2)
    assert content_keys(rows).tolist() == content_keys([b"\0\1", b"\2\3", b"\4\5"]).tolist()


@pytest.mark.parametrize(
    ("now", "train", "test", "said"),
    [
        ("a@1 b@2 c@3 d@4", [0, 1], [2], []),
        ("d@1 c@2 b@3 a@4", [3, 2], [1], []),
        ("a@1 x@0 b@2 c@3 d@4 y@5", [0, 2], [3], ["2 items added"]),
        ("a@1 c@3 d@4", [0], [1], ["1 item removed from the train split"]),
        ("a@1 b@2 x@3 d@4", [0, 1], [], ["1 item changed in the test split"]),
        ("a@1 b@2 d@4 c@3 a@9 c@8", [0, 1], [3], ["2 items added"]),
        (
            "c@1 c@2 c@3 d@4",
            [],
            [0],
            ["1 item removed from the train split", "1 item changed in the train split", "1 item added"],
        ),
        ("a@1 b@2 c@3", [0, 1], [2], []),  # what was left out may go
        ("", [], [], ["2 items removed from the train split", "1 item removed from the test split"]),
    ],
)
def test_items_of_now_go_back_into_their_splits(now, train, test, said):
    begun = Manifest.of(
        {"train": keys("a@1", "b@2"), "test": keys("c@3")}, read=keys("a@1", "b@2", "c@3", "d@4")
    )
    assert begun.splits[LEFT_OUT].names == ["4"]
    found = begun.arrange(keys(*now.split()))
    assert found.places["train"].tolist() == train
    assert found.places["test"].tolist() == test
    assert [sentence.partition(" since")[0] for sentence in found.sentences()] == said
    assert found.lost("train", "test") == 3 - len(train) - len(test)


def test_equal_items_have_places_of_their_own():
    begun = manifest(train="a@1 a@2", test="a@3")
    places = begun.arrange(keys("a@1", "a@2", "a@3", "a@4")).places
    assert (places["train"].tolist(), places["test"].tolist()) == ([0, 1], [2])
    places = begun.arrange(keys("a@1", "a@2")).places  # one is gone: training keeps its own
    assert (places["train"].tolist(), places["test"].tolist()) == ([0, 1], [])


def test_it_says_how_many_items_were_trained_on():
    begun = manifest(train="a@1 b@2", test="c@3")
    assert begun.holds(keys("b@7", "c@8", "x@9", "b@10")) == 2


@pytest.mark.parametrize("names", [["a b", "a c"], ["", "x"], ["é, line 1", "é, line\n2"], ["one", "one"]])
def test_a_file_holds_all_of_it(tmp_path, names):
    made = Manifest.of({"train": Keys.of([3, -4], names), "test": NOTHING})
    made.write(tmp_path / "m.safetensors")
    read = Manifest.read(tmp_path / "m.safetensors")
    assert list(read.splits) == ["train", "test"]
    assert read.splits["train"].keys.tolist() == [3, -4]
    assert list(read.splits["train"].names) == [name.replace("\n", " ") for name in names]
    assert len(read.splits["test"]) == 0


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"test.keys": torch.zeros(2, dtype=torch.int64)},
        {"train.keys": torch.zeros(2)},
        {"train.keys": torch.zeros(2, dtype=torch.int64), "train.names": torch.zeros(1, dtype=torch.uint8)},
        None,
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path, content):
    path = tmp_path / "m.safetensors"
    if content is None:
        path.write_bytes(b"none")
    else:
        save_file(content, path)
    with pytest.raises(InputError, match="GR-RUN-003"):
        Manifest.read(path)


def test_an_error_says_what_has_changed(tmp_path):
    begun = manifest(train="a@1 b@2 e@5", test="c@3")
    begun.arrange(keys("a@1", "c@3"))
    error = data_changed(begun, tmp_path, wanted="all of it")
    assert error.code == "GR-RUN-019"
    assert error.got == "2 items removed from the train split since the run began: 2, 5"
