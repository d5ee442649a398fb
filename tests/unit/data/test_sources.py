"""The table of public sets is well formed, a copy is found in the stated order, a layout is recognised."""

import re

import numpy as np
import pytest

from gradus.core.errors import InputError, UsageError
from gradus.data.fetch import check
from gradus.data.layouts import read_pictures, read_source
from gradus.data.pictures import PictureForm
from gradus.data.source_table import SOURCES
from gradus.data.sources import cache_folder, locate
from tests.unit.data.made import picture_files, write_files, write_zip
from tests.unit.data.test_cifar import batches, binary, write_tar
from tests.unit.data.test_idx import IMAGES, LABELS, idx

FORM = PictureForm()
PETS = picture_files("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A cache and a data folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("GRADUS_DATA", str(tmp_path / "data"))
    return tmp_path


@pytest.mark.parametrize("name", SOURCES)
def test_an_entry_says_what_is_needed(name):
    source = SOURCES[name]
    assert source.name == name
    assert source.title
    assert source.licence
    assert source.citation
    for file in source.files:
        algorithm, _, digest = file.digest.partition(":")
        assert re.fullmatch("[0-9a-f]+", digest)
        assert len(digest) == {"sha256": 64, "md5": 32}[algorithm]
        assert file.num_bytes > 0
        assert file.url is None or file.url.endswith("/" + file.name)


def test_the_look_up_order(places):
    name = "fashion_mnist"
    with pytest.raises(InputError) as caught:
        locate(name)
    assert caught.value.code == "GR-DATA-001"
    assert str(places / "data" / name) in caught.value.got
    assert str(places / "cache" / "gradus" / name) in caught.value.got
    assert "gradus data fetch fashion_mnist" in caught.value.remedy

    cached = write_files(cache_folder() / name, {file.name: b"x" for file in SOURCES[name].files})
    assert locate(name) == cached
    own = write_files(places / "data" / name, {})
    assert locate(name) == own
    given = write_files(places / "given", {})
    assert locate(name, str(given)) == given


def test_a_given_path_is_the_only_place(places):
    write_files(places / "data" / "mnist", {})
    with pytest.raises(InputError, match=r"got nothing at .*elsewhere\. .*GR-DATA-001"):
        locate("mnist", str(places / "elsewhere"))


@pytest.mark.usefixtures("places")
def test_a_cache_with_files_missing_does_not_count():
    write_files(cache_folder() / "mnist", {SOURCES["mnist"].files[0].name: b"x"})
    with pytest.raises(InputError, match="GR-DATA-001"):
        locate("mnist")


@pytest.mark.usefixtures("places")
def test_what_cannot_be_fetched_is_to_be_put_in_place():
    with pytest.raises(InputError, match=r"Put cifar10_10k_2k_jpg\.zip into \$GRADUS_DATA/cifar10_subset"):
        locate("cifar10_subset")


def test_without_variables_the_cache_is_in_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "gradus"


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(UsageError, match=r"got fashion-mnist\. Did you mean fashion_mnist\?.*GR-DATA-070"):
        locate("fashion-mnist")


def as_folder(root):
    return write_files(root / "pets", PETS)


def as_zip(root):
    return write_zip(root / "pets.ZIP", PETS)


def as_folder_with_a_zip(root):
    return write_zip(write_files(root / "pets", {"README.md": b"x"}) / "pets.zip", PETS).parent


def as_table(root):
    rows = "".join(f"{name},{name[:3]}\n" for name in PETS)
    return write_files(root / "pets", PETS | {"a.csv": b"path,label\n" + rows.encode()}) / "a.csv"


def as_npz(root):
    np.savez(
        root / "pets.npz",
        images=np.zeros((4, 6, 6, 3), np.uint8),
        labels=np.array(["cat", "cat", "dog", "dog"]),
    )
    return root / "pets.npz"


@pytest.mark.parametrize("made", [as_folder, as_zip, as_folder_with_a_zip, as_table, as_npz])
def test_a_layout_is_recognised(tmp_path, made):
    train = read_pictures(made(tmp_path), FORM).splits["train"]
    assert train.images.shape == (4, 3, 6, 6)
    assert train.classes == ("cat", "dog")
    assert train.labels.tolist() == [0, 0, 1, 1]
    assert read_source("folder", made(tmp_path), FORM).splits["train"].labels.tolist() == [0, 0, 1, 1]


def test_idx_files_are_recognised_and_named(tmp_path):
    files = {"train-images-idx3-ubyte": idx(IMAGES), "train-labels-idx1-ubyte": idx(LABELS)}
    root = write_files(tmp_path / "set", files)
    assert read_pictures(root, FORM).splits["train"].classes == ("0", "1", "2")
    assert (
        read_source("fashion_mnist", root, FORM).splits["train"].classes == SOURCES["fashion_mnist"].classes
    )


def test_cifar_is_recognised_in_folder_and_archive(tmp_path):
    files = batches(binary, ".bin")
    root = write_files(tmp_path / "set", files)
    assert len(read_pictures(root, FORM).splits["train"].labels) == 10
    packed = write_tar(write_files(tmp_path / "alone", {}) / "a.tar.gz", files)
    for path in (packed, packed.parent):
        assert len(read_source("cifar10", path, FORM).splits["test"].labels) == 2


def test_what_is_not_there_or_not_known_is_refused(tmp_path):
    with pytest.raises(InputError, match="GR-DATA-001"):
        read_pictures(tmp_path / "none", FORM)
    for name in ("model.pt", "notes.txt", "noending"):
        with pytest.raises(InputError, match=r"a folder or \.zip of class folders.*GR-DATA-010"):
            read_pictures(write_files(tmp_path, {name: b"x"}) / name, FORM)
    with pytest.raises(InputError, match="GR-DATA-011"):
        read_pictures(write_files(tmp_path / "empty", {}), FORM)


@pytest.mark.parametrize("name", sorted(set(SOURCES) - {"digits", "mnist", "cifar10", "cifar10_python"}))
def test_real_files_have_the_sums_of_the_table(real_data, name):
    for file in SOURCES[name].files:
        path = real_data / name / file.name
        assert path.stat().st_size == file.num_bytes
        check(path, file, remedy="")
