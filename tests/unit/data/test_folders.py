"""Class folders and tables, on disk and in archives: what is read, what is passed over, what is refused."""

import stat
import struct
import zipfile

import numpy as np
import pytest
import torch

from gradus.core.errors import InputError
from gradus.data.folders import read_folders, read_table
from gradus.data.pictures import PictureForm
from tests.unit.data.made import encode, noise, picture_files, write_files, write_zip

FORM = PictureForm()
FLAT = picture_files("cat/1.png", "cat/2.png", "dog/1.PNG", "dog/deep/er/2.jpg", side=6)
SPLIT = picture_files(
    *("train/cat/1.png", "train/cat/2.png", "train/dog/1.png", "train/dog/2.png"),
    *("val/cat/3.png", "val/dog/3.png", "test/dog/4.png"),
)


def values(name, files):
    """The picture that was written under a name, (C, H, W)."""
    return torch.from_numpy(noise(6, 6, seed=list(files).index(name)).transpose(2, 0, 1).copy())


@pytest.fixture(params=["folder", "zip", "zip with one folder around"])
def write(request, tmp_path):
    """Writes files in one of the ways in which they are kept."""
    if request.param == "folder":
        return lambda files: write_files(tmp_path / "set", files)
    around = "pets/" if "around" in request.param else ""
    return lambda files: write_zip(tmp_path / "set.zip", {around + name: files[name] for name in files})


def test_without_splits_everything_is_train(write):
    read = read_folders(write(FLAT), FORM)
    assert list(read.splits) == ["train"]
    train = read.splits["train"]
    assert train.classes == ("cat", "dog")
    assert train.labels.tolist() == [0, 0, 1, 1]
    assert [name.removeprefix("pets/") for name in train.names] == sorted(FLAT)
    for image, name in zip(train.images, train.names, strict=True):
        assert torch.equal(image, values(name.removeprefix("pets/"), FLAT))
    assert read.notes == read.skipped == ()


def test_splits_are_read_from_their_folders(write):
    read = read_folders(write(SPLIT), FORM)
    assert {split: p.labels.tolist() for split, p in read.splits.items()} == {
        "train": [0, 0, 1, 1],
        "validation": [0, 1],
        "test": [1],
    }
    assert torch.equal(read.splits["test"].images[0], values("test/dog/4.png", SPLIT))
    assert read.notes == ("test has no picture of cat",)


@pytest.mark.parametrize("name", ["val", "valid", "validation", "VAL"])
def test_validation_has_three_names(tmp_path, name):
    files = {path.replace("val/", f"{name}/"): content for path, content in SPLIT.items()}
    assert len(read_folders(write_files(tmp_path, files), FORM).splits["validation"].labels) == 2


def test_classes_that_are_numbers_are_in_their_order(tmp_path):
    names = [f"{label}/{i}.png" for label in (0, 2, 10) for i in range(2)]
    read = read_folders(write_files(tmp_path, picture_files(*names)), FORM)
    assert read.splits["train"].classes == ("0", "2", "10")


def test_known_classes_keep_their_numbers(tmp_path):
    files = picture_files("dog/1.png")
    read = read_folders(write_files(tmp_path, files), FORM, classes=("cat", "dog"))
    assert read.splits["train"].labels.tolist() == [1]
    with pytest.raises(InputError, match="GR-DATA-015"):
        read_folders(tmp_path, FORM, classes=("cat", "cow"))


def test_other_files_are_passed_over_and_counted(write):
    others = {
        ".DS_Store": b"x",
        "cat/.DS_Store": b"x",
        "cat/notes.txt": b"x",
        "cat/._1.png": b"x",
        "README": b"",
    }
    read = read_folders(write(FLAT | others), FORM)
    assert len(read.splits["train"].names) == 4
    assert read.notes == ("files passed over that are no pictures: 5 (3 hidden, 1 no ending, 1 .txt)",)


def test_pictures_get_one_side_and_one_number_of_channels(tmp_path):
    files = FLAT | {
        "cat/large.jpg": encode(noise(40, 20), "JPEG"),
        "dog/grey.png": encode(noise(9, 9)[:, :, 0]),
    }
    read = read_folders(write_files(tmp_path, files), PictureForm(side=8, channels=1))
    assert read.splits["train"].images.shape == (6, 1, 8, 8)


def test_without_a_side_all_must_have_one_size(tmp_path):
    files = FLAT | {"dog/9.png": encode(noise(6, 7))}
    with pytest.raises(
        InputError, match=r"dog/9\.png: wanted 6 x 6 pixels, as cat/1\.png has, got 7 x 6.*008"
    ):
        read_folders(write_files(tmp_path, files), FORM)


def test_one_broken_picture_is_named(write):
    with pytest.raises(InputError, match=r"cat/2\.png.*GR-DATA-004"):
        read_folders(write(FLAT | {"cat/2.png": b"not a picture"}), FORM)


def test_several_broken_pictures_are_counted(write):
    broken = {"cat/2.png": b"", "dog/1.PNG": encode(noise(6, 6))[:-60], "dog/x.png": b"x"}
    with pytest.raises(InputError, match=r"cat/2\.png: wanted 5 readable.*got 3.*an empty file.*GR-DATA-016"):
        read_folders(write(FLAT | broken), FORM)


def test_broken_pictures_can_be_left_out(write):
    files = picture_files("dog/1.png", "dog/2.png", "cat/0.png", "cat/1.png", "cat/2.png") | {
        "cat/1.png": b"x"
    }
    read = read_folders(write(files), FORM, skip_bad=True)
    train = read.splits["train"]
    assert [name.removeprefix("pets/") for name in train.names] == [
        "cat/0.png",
        "cat/2.png",
        "dog/1.png",
        "dog/2.png",
    ]
    assert torch.equal(train.images[1], values("cat/2.png", files))
    assert train.labels.tolist() == [0, 0, 1, 1]
    assert len(read.skipped) == 1
    assert "cat/1.png: wanted a picture" in read.skipped[0]


def test_what_is_left_must_still_be_a_set(tmp_path):
    root = write_files(tmp_path, FLAT | {"cat/2.png": b"x"})
    with pytest.raises(InputError, match=r"a single one of cat.*GR-DATA-014"):
        read_folders(root, FORM, skip_bad=True)
    with pytest.raises(InputError, match="GR-DATA-011"):
        read_folders(write_files(root, dict.fromkeys(FLAT, b"x")), FORM, skip_bad=True)


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({}, "GR-DATA-011"),
        ({"cat/readme.txt": b"x"}, "GR-DATA-011"),
        (picture_files("cat/1.png", "cat/2.png"), "GR-DATA-013"),
        (picture_files("cat/1.png", "cat/2.png", "dog/1.png"), "GR-DATA-014"),
        (FLAT | picture_files("3.png"), "GR-DATA-012"),
        (picture_files("train/cat/1.png", "train/2.png"), "GR-DATA-012"),
        (SPLIT | picture_files("extras/cat/1.png"), "GR-DATA-012"),
        (SPLIT | picture_files("val/Dog/1.png"), "GR-DATA-015"),
    ],
)
def test_what_is_no_set_is_refused(tmp_path, files, code):
    for path in (write_files(tmp_path / "set", files), write_zip(tmp_path / "set.zip", files)):
        with pytest.raises(InputError) as caught:
            read_folders(path, FORM)
        assert caught.value.code == code


def test_a_class_may_be_called_train(tmp_path):
    files = picture_files("train/1.png", "train/2.png", "bus/1.png", "bus/2.png")
    assert read_folders(write_files(tmp_path, files), FORM).splits["train"].classes == ("bus", "train")


def test_more_than_the_memory_is_refused_before_decoding(tmp_path):
    root = write_files(tmp_path, FLAT)
    with pytest.raises(InputError, match=r"GB of memory for 4 pictures.*GR-DATA-009"):
        read_folders(root, PictureForm(side=10_000_000))


def test_a_linked_folder_is_read(tmp_path):
    elsewhere = write_files(tmp_path / "elsewhere", picture_files("1.png", "2.png"))
    root = write_files(tmp_path / "set", picture_files("cat/1.png", "cat/2.png"))
    (root / "dog").symlink_to(elsewhere)
    assert read_folders(root, FORM).splits["train"].labels.tolist() == [0, 0, 1, 1]


def test_a_link_in_a_circle_is_refused(tmp_path):
    root = write_files(tmp_path / "set", FLAT)
    (root / "cat" / "all").symlink_to(root)
    with pytest.raises(InputError, match="GR-DATA-017"):
        read_folders(root, FORM)


def test_a_dangling_link_is_named(tmp_path):
    root = write_files(tmp_path / "set", FLAT)
    (root / "cat" / "gone.png").symlink_to(root / "nothing.png")
    with pytest.raises(InputError, match=r"gone\.png.*GR-DATA-002"):
        read_folders(root, FORM)


# -- archives ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../x.png", "/etc/x.png", "cat/../../x.png", "..\\x.png", "C:\\x.png", "C:/x.png"]
)
def test_a_name_that_leads_out_is_refused(tmp_path, name):
    path = write_zip(tmp_path / "set.zip", FLAT | {name: encode(noise(6, 6))})
    with pytest.raises(InputError, match=r"set\.zip.*one that leads out of it.*GR-DATA-026"):
        read_folders(path, FORM)


def test_a_member_without_a_name_is_refused(tmp_path):
    path = write_zip(tmp_path / "set.zip", FLAT)
    set_in_list(path, "cat/2.png", 46, b"\0")  # names end at a zero
    with pytest.raises(InputError, match=r"set\.zip.*GR-DATA-026"):
        read_folders(path, FORM)


def test_a_link_in_an_archive_is_refused(tmp_path):
    path = write_zip(tmp_path / "set.zip", FLAT)
    link = zipfile.ZipInfo("cat/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match=r"cat/link\.png: wanted files, got a link.*GR-DATA-026"):
        read_folders(path, FORM)


def set_in_list(path, name, offset, value):
    """Change a field of a member's entry in the archive's list of contents."""
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    while content[entry + 46 : entry + 46 + len(name)] != name.encode():
        entry = content.index(b"PK\x01\x02", entry + 4)
    content[entry + offset : entry + offset + len(value)] = value
    path.write_bytes(content)


def test_an_encrypted_member_is_refused(tmp_path):
    path = write_zip(tmp_path / "set.zip", FLAT)
    set_in_list(path, "cat/2.png", 8, struct.pack("<H", 1))
    with pytest.raises(
        InputError, match=r"cat/2\.png: wanted readable files, got an encrypted one.*GR-DATA-026"
    ):
        read_folders(path, FORM)


def test_two_files_of_one_name_are_refused(tmp_path):
    path = write_zip(tmp_path / "set.zip", FLAT)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("cat/1.png", encode(noise(6, 6)))
    with pytest.raises(InputError, match=r"cat/1\.png: wanted each name once.*GR-DATA-026"):
        read_folders(path, FORM)


def test_what_unpacks_beyond_all_use_is_refused(tmp_path):
    path = write_zip(tmp_path / "set.zip", FLAT | {f"cat/{i}.bmp": b"x" for i in range(10, 20)})
    for i in range(10, 20):
        set_in_list(path, f"cat/{i}.bmp", 24, struct.pack("<I", 2**31))  # 2 GiB each by the list
    with pytest.raises(InputError, match=r"wanted at most 16 GiB when unpacked, got 20\.0 GiB.*GR-DATA-027"):
        read_folders(path, FORM)


def test_one_huge_member_is_refused_before_it_is_unpacked(tmp_path):
    path = write_zip(tmp_path / "set.zip", FLAT | {"cat/3.bmp": bytes(2**20)})
    set_in_list(path, "cat/3.bmp", 24, struct.pack("<I", 2**30))
    with pytest.raises(InputError, match=r"cat/3\.bmp: wanted at most 0\.25 GiB.*GR-DATA-027"):
        read_folders(path, FORM)
    assert len(read_folders(path, FORM, skip_bad=True).skipped) == 1


def test_a_member_that_lies_about_its_size_is_broken(tmp_path):
    path = write_zip(tmp_path / "set.zip", FLAT | {"cat/3.bmp": bytes(2**20)})
    set_in_list(path, "cat/3.bmp", 24, struct.pack("<I", 1000))  # unpacks to a thousand times that
    with pytest.raises(InputError, match=r"cat/3\.bmp.*GR-DATA-025"):
        read_folders(path, FORM)


@pytest.mark.parametrize("content", [b"", b"no archive", write_zip])
def test_a_broken_archive_is_named(tmp_path, content):
    path = tmp_path / "set.zip"
    if callable(content):
        content(path, FLAT)
        content = path.read_bytes()[:-40]
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"set\.zip.*GR-DATA-025"):
        read_folders(path, FORM)


def test_a_damaged_member_is_named(tmp_path):
    path = write_zip(tmp_path / "set.zip", FLAT)
    content = bytearray(path.read_bytes())
    content[content.index(b"cat/2.png") + 30] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"cat/2\.png.*GR-DATA-025"):
        read_folders(path, FORM)


# -- tables --------------------------------------------------------------------------------------------------

PICTURES = picture_files("a.png", "b.png", "sub/c.png", "sub/d.png", "e.png")
ROWS = [
    "path,label,split",
    "a.png,cat,train",
    "b.png,cat,train",
    "sub/c.png,dog,Train",
    "sub/d.png,dog,train",
]
GOOD = "\n".join([*ROWS, "e.png,dog,valid", ""])


def write_table(root, text, name="labels.csv", files=PICTURES):
    write_files(root, files)
    (root / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return root / name


def check_good(read):
    assert {split: p.labels.tolist() for split, p in read.splits.items()} == {
        "train": [0, 0, 1, 1],
        "validation": [1],
    }
    assert read.splits["train"].classes == ("cat", "dog")
    assert torch.equal(read.splits["train"].images[2], values("sub/c.png", PICTURES))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (GOOD, "labels.csv"),
        (GOOD.replace(",", "\t"), "labels.tsv"),
        (b"\xef\xbb\xbf" + GOOD.encode(), "LABELS.CSV"),
        (GOOD.replace("\n", "\r\n"), "labels.csv"),
        (GOOD.replace("\n", "\r"), "labels.csv"),
        (GOOD.replace("a.png,cat", '"a.png","cat"') + "\n\n", "labels.csv"),
        (
            "\n".join(",".join([line.split(",")[2], "x", *line.split(",")[:2]]) for line in GOOD.split()),
            "labels.csv",
        ),
    ],
)
def test_a_table_is_read(tmp_path, text, name):
    check_good(read_table(write_table(tmp_path, text, name), FORM))


def test_a_table_is_found_at_the_top_of_a_folder_or_archive(tmp_path):
    write_table(tmp_path / "set", GOOD)
    check_good(read_folders(tmp_path / "set", FORM))
    files = {
        f"around/{name}": content for name, content in (PICTURES | {"labels.csv": GOOD.encode()}).items()
    }
    read = read_folders(write_zip(tmp_path / "set.zip", files), FORM)
    assert {split: p.labels.tolist() for split, p in read.splits.items()} == {
        "train": [0, 0, 1, 1],
        "validation": [1],
    }
    assert read.splits["validation"].names == ["around/e.png"]


def test_pictures_that_the_table_leaves_out_are_counted(tmp_path):
    write_table(tmp_path, GOOD, files=PICTURES | picture_files("f.png"))
    assert read_folders(tmp_path, FORM).notes[0] == "pictures passed over that labels.csv does not name: 1"


def test_a_table_of_something_else_is_passed_over(tmp_path):
    write_files(tmp_path, FLAT | {"sizes.csv": b"path,width\na,1\n"})
    assert read_folders(tmp_path, FORM).notes == ("files passed over that are no pictures: 1 (1 .csv)",)


def test_two_tables_are_one_too_many(tmp_path):
    write_table(tmp_path, GOOD)
    write_table(tmp_path, GOOD, "more.csv")
    with pytest.raises(InputError, match=r"got 2: labels\.csv, more\.csv.*GR-DATA-010"):
        read_folders(tmp_path, FORM)


def test_paths_of_a_table_may_be_absolute(tmp_path):
    files = write_files(tmp_path / "pictures", PICTURES)
    rows = [line.split(",") for line in GOOD.split()]
    text = "\n".join(
        [",".join(rows[0]), *(f"{files / path},{label},{split}" for path, label, split in rows[1:])]
    )
    (tmp_path / "labels.csv").write_text(text)
    check_good(read_table(tmp_path / "labels.csv", FORM))


def test_without_a_split_column_everything_is_train(tmp_path):
    text = "path,label\n" + "\n".join(",".join(line.split(",")[:2]) for line in GOOD.split()[1:])
    assert list(read_table(write_table(tmp_path, text), FORM).splits) == ["train"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (",cat,train", "wanted a path, got none"),
        ("f.png,,train", "wanted a label, got none"),
        ("f.png,cat,", r"wanted a split \(train, validation or test\), got None"),
        ("f.png,cat,tset", "got 'tset'"),
        ("f.png,cat", "got None"),
        ("a.png,dog,train", "wanted a path once, got that of line 2 again"),
        ("nowhere.png,cat,train", r"got no file at nowhere\.png"),
        ("../../secret.png,cat,train", r"got no file at \.\./\.\./secret\.png"),
        ("f.png,cat,train,extra", "wanted 3 columns, got 4"),
    ],
)
def test_a_bad_row_is_named_by_its_number(tmp_path, row, said):
    text = GOOD.replace("e.png,dog,valid", f"\ne.png,dog,valid\n{row}")
    with pytest.raises(InputError, match=rf"labels\.csv, line 8: .*{said}.*GR-DATA-021"):
        read_table(write_table(tmp_path, text), FORM)


def test_a_carriage_return_within_a_row_makes_two_bad_ones(tmp_path):
    """As in every other table: it ends a line."""
    path = write_table(tmp_path, f"{GOOD}f.png\r,cat,train\n")
    with pytest.raises(InputError, match=r"line 7.*GR-DATA-016"):
        read_table(path, FORM)
    check_good(read_table(path, FORM, skip_bad=True))


def test_bad_rows_can_be_left_out(tmp_path):
    path = write_table(tmp_path, GOOD + "nowhere.png,cat,train\n,cat,train\n")
    with pytest.raises(
        InputError, match=r"line 7: wanted 7 readable pictures, got 2 that are not.*GR-DATA-016"
    ):
        read_table(path, FORM)
    read = read_table(path, FORM, skip_bad=True)
    check_good(read)
    assert [text.split(":")[0].split(", ")[-1] for text in read.skipped] == ["line 7", "line 8"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"file,class\na.png,cat\n", "got file, class"),
        (b"path;label\na.png;cat\n", "got path;label"),
        (GOOD.encode("utf-16"), "got"),
        ("path,label\na.png,caf\xe9\n".encode("latin-1"), "utf-8"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(tmp_path, content, said):
    with pytest.raises(InputError, match=rf"labels\.csv: .*{said}.*GR-DATA-020"):
        read_table(write_table(tmp_path, content), FORM)


def test_a_table_without_rows_has_no_pictures(tmp_path):
    with pytest.raises(InputError, match="GR-DATA-011"):
        read_table(write_table(tmp_path, "path,label\n"), FORM)


def test_the_cifar_archive_is_read_whole(real_data):
    read = read_folders(real_data / "cifar10_subset" / "cifar10_10k_2k_jpg.zip", FORM)
    assert {split: tuple(p.images.shape) for split, p in read.splits.items()} == {
        "train": (10000, 3, 32, 32),
        "test": (2000, 3, 32, 32),
    }
    assert np.bincount(read.splits["train"].labels).tolist() == [1000] * 10
