"""Files of word vectors: three forms, read as they were written; cut off, misshapen and hostile ones."""

import gzip
import struct

import numpy as np
import pytest
import torch

from gradus.core.errors import InputError
from gradus.data.word_vectors import read_vectors, write_vectors

WORDS = {"good": [1.0, -0.5, 2.0], "bad": [-1.0, 0.25, 0.0], "café": [0.5, 0.5, 1e-3]}


def glove() -> bytes:
    return "".join(f"{word} {' '.join(map(str, row))}\n" for word, row in WORDS.items()).encode()


def binary(end: bytes = b"\n") -> bytes:
    rows = (word.encode() + b" " + struct.pack("<3f", *row) + end for word, row in WORDS.items())
    return b"3 3\n" + b"".join(rows)


FORMS = {
    "glove.txt": glove(),
    "glove.txt.gz": gzip.compress(glove()),
    "word2vec.txt": b"3 3\n" + glove(),
    "word2vec.bin": binary(),
    "without_line_ends.bin": binary(b""),
    "word2vec.bin.gz": gzip.compress(binary()),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_wanted_words(tmp_path, name):
    (tmp_path / name).write_bytes(FORMS[name])
    found = read_vectors(tmp_path / name, {"café", "good", "absent"})
    assert found.words == ["good", "café"]
    torch.testing.assert_close(found.vectors, torch.tensor([WORDS["good"], WORDS["café"]]))
    assert found.repeated == 0
    assert read_vectors(tmp_path / name, set()).vectors.shape == (0, 3)


def test_numbers_with_newline_bytes_are_no_line_ends(tmp_path):
    value = struct.unpack("<f", b"\n\n\n\n")[0]
    content = b"2 2\na " + b"\n" * 8 + b"\nb " + struct.pack("<2f", 1, 2) + b"\n"
    (tmp_path / "a.bin").write_bytes(content)
    found = read_vectors(tmp_path / "a.bin", {"a", "b"})
    np.testing.assert_allclose(found.vectors.numpy(), [[value, value], [1, 2]])


def test_words_with_spaces_and_repeated_words(tmp_path):
    (tmp_path / "a.txt").write_text("the 1 2\n. . . 3 4\nthe 5 6\n")
    found = read_vectors(tmp_path / "a.txt", {"the", ". . ."})
    assert (found.words, found.repeated) == (["the", ". . ."], 1)
    assert found.vectors.tolist() == [[1, 2], [3, 4]]


def test_what_is_written_is_read(tmp_path):
    vectors = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    write_vectors(tmp_path / "a.txt", ["a", "b", "c"], vectors)
    found = read_vectors(tmp_path / "a.txt", {"a", "b", "c"})
    torch.testing.assert_close(found.vectors, vectors, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("content", "code", "where"),
    [
        (b"", "GR-TEXT-030", "a.vec"),
        (b"\x00\x01\x02 not vectors", "GR-TEXT-030", "line 1"),
        (b"{}\n", "GR-TEXT-030", "line 1"),
        (b"3000000000 300\nthe 1\n", "GR-TEXT-030", "line 1"),
        (b"3 4000000000\n", "GR-TEXT-030", "line 1"),
        (b"0 3\n", "GR-TEXT-030", "line 1"),
        (b"the 1 2\na 1\n", "GR-TEXT-031", "line 2"),
        (b"the 1 2\na 1 x\n", "GR-TEXT-031", "line 2"),
        (b"2 3\nthe 1 2 3\na 1 2\n", "GR-TEXT-031", "line 3"),
        (b"2 3\nthe 1 2\n", "GR-TEXT-031", "line 2"),
        (b"the 1 nan\n", "GR-TEXT-031", "'the'"),
        (b"4 3\n" + glove(), "GR-TEXT-032", "a.vec"),
        (b"2 3\n" + glove(), "GR-TEXT-032", "a.vec"),
        (b"4 3\n", "GR-TEXT-032", "a.vec"),
        (binary()[:-9], "GR-TEXT-032", "a.vec"),
        (b"4" + binary()[1:], "GR-TEXT-032", "a.vec"),
        (b"2 2\n" + b"x" * 70_000, "GR-TEXT-031", "word 1"),
        (b"the 1 2\n" + b"y" * (2**20 + 1), "GR-TEXT-002", "line 2"),
    ],
)
def test_a_broken_file_is_refused(tmp_path, content, code, where):
    path = tmp_path / "a.vec"
    path.write_bytes(content)
    with pytest.raises(InputError, match=code) as caught:
        read_vectors(path, {"the", "a", "good"})
    assert where in caught.value.where


def test_files_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "cut.gz").write_bytes(gzip.compress(glove() * 100)[:30])
    for path in (tmp_path / "cut.gz", tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError, match="GR-TEXT-001"):
            read_vectors(path, {"good"})
