"""Bad recordings and transcripts as one literal table, in the form of ``bad_inputs``.

``sounds`` are ten short recordings, each with its transcript beside it, and what is wrong with them.
"""

import math
import struct
import zipfile
from pathlib import Path

from tests.unit.cli.bad_inputs import Case, Make, write
from tests.unit.data.made_sounds import FLOATS, layout, part, riff, tone, wav

TRAIN = "train speech/folder --data sounds"
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
SOUND = {f"{word}.wav": wav(tone(hertz=300 + 50 * i)) for i, word in enumerate(NUMBERS)}
GOOD = SOUND | {f"{word}.txt": word.encode() for word in NUMBERS}
FMT = part(b"fmt ", layout())


def sounds(more: dict[str, bytes] | None = None, *, without: str = "") -> Make:
    """A folder ``sounds``, sound but for more files in it, or one that is gone."""
    files = {name: content for name, content in (GOOD | (more or {})).items() if name != without}
    return lambda place: write(place / "sounds", files)


def only(files: dict[str, bytes]) -> Make:
    """A folder ``sounds`` with these files."""
    return lambda place: write(place / "sounds", files)


def bad(content: bytes) -> Make:
    """A recording ``x.wav`` of these bytes, with its transcript."""
    return sounds({"x.wav": content, "x.txt": b"yes"})


def table(text: str) -> Make:
    """The recordings with a table of transcripts in place of the texts."""
    return only(SOUND | {"transcripts.csv": text.encode()})


def segments(line: str) -> Make:
    """Kaldi's tables of one recording, with a good line and another one on where its utterances are."""
    names = {"wav.scp": b"one one.wav\n", "text": b"u0 no\nu1 yes\n"}
    names["segments"] = f"u0 one 0 0.25\n{line}\n".encode()
    return only({"one.wav": SOUND["one.wav"], **names})


def and_more(files: dict[str, bytes]) -> Make:
    """The recordings, and a folder ``more`` with these files."""

    def make(place: Path) -> None:
        sounds()(place)
        write(place / "more", files)

    return make


def archive(place: Path) -> None:
    """A zip with a name that leads out of it."""
    with zipfile.ZipFile(place / "sounds.zip", "w") as file:
        for name, content in (GOOD | {"../../x.wav": wav(tone())}).items():
            file.writestr(name, content)


def float_wav(*values: float) -> bytes:
    """A WAV file of 32-bit floats."""
    body = struct.pack(f"<{len(values)}f", *values)
    return riff(part(b"fmt ", layout(coding=FLOATS, bits=32)), part(b"data", body))


ROWS = "path,text\n" + "".join(f"{word}.wav,{word}\n" for word in NUMBERS)

# fmt: off

CASES = (
    Case("recordings: nothing there", TRAIN, code="GR-DATA-001", status=1, says=("sounds",)),
    Case("recordings: no path", "train speech/folder", code="GR-DATA-041", status=2, says=("--data",)),
    Case("recordings: an empty folder", TRAIN, code="GR-SOUND-010", status=1, says=("sounds", "0 sounds"),
         make=only({})),
    Case("recordings: a path for a recipe that reads none", "train speech/smoke --data sounds",
         code="GR-CLI-006", status=2, says=("--data /", "/sounds", "tones"), make=sounds()),
    Case("a text that is called .wav", TRAIN, code="GR-SOUND-001", status=1, says=("x.wav", "hello"),
         make=bad(b"hello")),
    Case("a sound file of no bytes", TRAIN, code="GR-SOUND-001", status=1, says=("x.wav", "no bytes"),
         make=bad(b"")),
    Case("a WAV without its format", TRAIN, code="GR-SOUND-002", status=1, says=("x.wav",),
         make=bad(riff(part(b"data", b"1234")))),
    Case("a WAV in a coding from a telephone", TRAIN, code="GR-SOUND-002", status=1,
         says=("x.wav", "coding 7"),
         make=bad(riff(part(b"fmt ", layout(coding=7, bits=8)), part(b"data", b"1")))),
    Case("a WAV cut short", TRAIN, code="GR-SOUND-003", status=1, says=("x.wav", "8,000", "456"),
         make=bad(wav(tone())[:500])),
    Case("a WAV that says it is shorter than it is", TRAIN, code="GR-SOUND-003", status=1,
         says=("x.wav", "nothing after its last part"),
         make=bad(riff(FMT, part(b"data", bytes(range(1, 200)), says=40)))),
    Case("a WAV of no samples", TRAIN, code="GR-SOUND-004", status=1, says=("x.wav", "no samples"),
         make=bad(wav([]))),
    Case("a WAV of floats with NaN among them", TRAIN, code="GR-SOUND-005", status=1,
         says=("x.wav, sample 1", "nan"), make=bad(float_wav(0.0, math.nan))),
    Case("a WAV of two hours", TRAIN, code="GR-SOUND-006", status=1, says=("x.wav", "7200"),
         make=bad(riff(part(b"fmt ", layout(rate_hz=100, bits=8)), part(b"data", bytes(720_000))))),
    Case("a FLAC cut short", TRAIN, code="GR-SOUND-008", status=1, says=("x.wav",),
         make=bad(b"fLaC\0\0\0\x22" + bytes(20))),
    Case("a recording without its transcript", TRAIN, code="GR-SOUND-011", status=1, says=("one.wav",),
         make=sounds(without="one.txt")),
    Case("a transcript without its recording", TRAIN, code="GR-SOUND-012", status=1, says=("one.txt",),
         make=sounds(without="one.wav")),
    Case("an empty transcript", TRAIN, code="GR-SOUND-013", status=1, says=("one.txt", "nothing"),
         make=sounds({"one.txt": b""})),
    Case("a transcript of points alone", TRAIN, code="GR-SOUND-013", status=1, says=("one.txt", "..."),
         make=sounds({"one.txt": b"..."})),
    Case("a transcript in Latin-1", TRAIN, code="GR-TEXT-003", status=1, says=("one.txt, line 1", "0xe9"),
         make=sounds({"one.txt": b"\xe9t\xe9"})),
    Case("a table of transcripts without its columns", TRAIN, code="GR-SOUND-014", status=1,
         says=("transcripts.csv, line 1", "path and text"), make=table("file,words\n")),
    Case("a row that repeats a recording", TRAIN, code="GR-SOUND-014", status=1,
         says=("transcripts.csv, line 12",), make=table(f"{ROWS}one.wav,uno\n")),
    Case("a row of a table without its text", TRAIN, code="GR-SOUND-014", status=1,
         says=("transcripts.csv, line 12", "2 columns"), make=table(f"{ROWS}one.wav\n")),
    Case("a table that wants a program run", TRAIN, code="GR-SOUND-014", status=1,
         says=("wav.scp, line 1", "not run"), make=only({"wav.scp": b"u1 touch x |\n", "text": b"u1 yes\n"})),
    Case("columns named that a table lacks", f"{TRAIN} --data.text-column words", code="GR-SOUND-014",
         status=1, make=table(ROWS),
         says=("transcripts.csv, line 1", "path and words", "path, text", "--data.text-column")),
    Case("columns named where no table is", f"{TRAIN} --data.text-column words", code="GR-CONFIG-003",
         status=2, says=("--data.text-column", "texts beside sounds"), make=sounds()),
    Case("a row with a path that leads out", TRAIN, code="GR-SOUND-014", status=1,
         says=("transcripts.csv, line 12", "../x.wav, which is outside"), make=table(f"{ROWS}../x.wav,no\n")),
    Case("an utterance that ends before it starts", TRAIN, code="GR-SOUND-014", status=1,
         says=("segments, line 2", "3 to 2"), make=segments("u1 one 3 2")),
    Case("an utterance of a recording that is not there", TRAIN, code="GR-SOUND-014", status=1,
         says=("segments, line 2", "'eleven'"), make=segments("u1 eleven 0 1")),
    Case("an utterance beyond its recording", TRAIN, code="GR-SOUND-017", status=1,
         says=("segments, line 2", "0.50 seconds", "0 to 3"), make=segments("u1 one 0 3")),
    Case("an archive inside an archive", TRAIN, code="GR-SOUND-010", status=1,
         says=("sounds", "archives", "x.zip", "Unpack"), make=only({"x.zip": b"PK", "y.zip": b"PK"})),
    Case("more to train on: nothing there", f"{TRAIN} --data.train-also more", code="GR-DATA-001", status=1,
         says=("more",), make=sounds()),
    Case("more to train on: something broken", f"{TRAIN} --data.train-also sounds more", code="GR-SOUND-001",
         status=1, says=("more/x.wav", "hello"), make=and_more({"x.wav": b"hello", "x.txt": b"yes"})),
    Case("several bad recordings", TRAIN, code="GR-SOUND-015", status=1, says=("x.wav", "2 that"),
         make=sounds({"x.wav": b"", "x.txt": b"x", "y.wav": b"", "y.txt": b"y"})),
    Case("recordings to test on alone", TRAIN, code="GR-SOUND-016", status=1, says=("sounds", "test"),
         make=only({f"test/{name}": content for name, content in GOOD.items()})),
    Case("a recording too short for its transcript", TRAIN, code="GR-SOUND-020", status=1,
         says=("one.wav", "steps"), make=sounds({"one.txt": b"one hundred and twenty three " * 9})),
    Case("more bands than a window can hear", f"{TRAIN} --features.bands 400", code="GR-SOUND-022", status=2,
         says=("--features.bands", "400"), make=sounds()),
    Case("an archive of recordings that leads out of itself", f"{TRAIN}.zip", code="GR-DATA-026", status=1,
         says=("../../x.wav",), make=archive),
)
