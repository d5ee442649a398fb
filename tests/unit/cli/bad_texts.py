"""Bad texts as a literal table, in the form of bad_inputs.py: the command, the code and the exit status.

``reviews.csv`` is a sound table of two classes; ``sentiment/folder`` trains on it.
"""

import gzip
import json
from pathlib import Path

from tests.unit.cli.bad_inputs import Case, Make, named

GOOD = [f"a good film number {i}" for i in range(8)]
BAD = [f"a dull film number {i}" for i in range(8)]
ROWS = [f"{text},good" for text in GOOD] + [f"{text},bad" for text in BAD]
SOUND = "\n".join(["text,label", *ROWS]) + "\n"
TRAIN = "train sentiment/folder --data"
CSV = f"{TRAIN} reviews.csv"
SMOKE = "train sentiment/smoke --data.count 40"


def table(*more: str, header: str = "text,label") -> Make:
    """``reviews.csv`` with other rows after the sound ones."""
    return named("reviews.csv", "\n".join([header, *ROWS, *more, ""]).encode(errors="surrogateescape"))


def vectors(content: bytes) -> Make:
    """A file of word vectors."""
    return named("vectors.bin", content)


def class_folder(*names: str) -> Make:
    """A folder ``reviews`` with text files of these names."""

    def make(place: Path) -> None:
        for name in names:
            (place / "reviews" / name).parent.mkdir(parents=True, exist_ok=True)
            (place / "reviews" / name).write_text("a text\n")

    return make


CNN = f"{SMOKE} --vectors.path vectors.bin"

# fmt: off
TABLES = (
    Case("no texts given", "train sentiment/folder", code="GR-DATA-041", status=2, says=("--data",)),
    Case("texts that are not there", CSV, code="GR-DATA-001", status=1, says=("reviews.csv",)),
    Case("texts in another kind of file", f"{TRAIN} reviews.txt", code="GR-TEXT-016", status=1,
         says=("reviews.txt", ".jsonl"), make=named("reviews.txt", b"good")),
    Case("a table without the text column", CSV, code="GR-TEXT-010", status=1,
         says=("reviews.csv, line 1", "review, label"), make=table(header="review,label")),
    Case("a table without the label column", f"{CSV} --data.label_column stars", code="GR-TEXT-010", status=1,
         says=("reviews.csv, line 1", "stars"), make=table()),
    Case("an empty table of texts", CSV, code="GR-TEXT-010", status=1, says=("reviews.csv, line 1",),
         make=named("reviews.csv")),
    Case("a table of texts with a header only", CSV, code="GR-TEXT-013", status=1, says=("reviews.csv",),
         make=named("reviews.csv", b"text,label\n")),
    Case("a row with too many cells", CSV, code="GR-TEXT-011", status=1,
         says=("reviews.csv, line 18", "3"), make=table("fine, really,good")),
    Case("a row without a label", CSV, code="GR-TEXT-011", status=1, says=("reviews.csv, line 18", "label"),
         make=table("fine,")),
    Case("a quote that never ends", CSV, code="GR-TEXT-011", status=1, says=("reviews.csv, line 18",),
         make=table('"fine,good')),
    Case("an unknown split of texts", CSV, code="GR-TEXT-011", status=1,
         says=("reviews.csv, line 2", "'later'"),
         make=named("reviews.csv", b"text,label,split\nfine,good,later\n")),
    Case("texts in another encoding", CSV, code="GR-TEXT-003", status=1,
         says=("reviews.csv, line 18", "0xe9"), make=table("caf\udce9,good")),
    Case("a line without end in a table of texts", CSV, code="GR-TEXT-002", status=1,
         says=("reviews.csv, line 18",), make=table("x" * 2**21)),
    Case("texts of a single class", CSV, code="GR-TEXT-014", status=1, says=("reviews.csv", "'good'"),
         make=named("reviews.csv", SOUND.replace(",bad", ",good").encode())),
    Case("a label that training lacks", CSV, code="GR-TEXT-015", status=1,
         says=("reviews.csv, line 4", "'odd'"),
         make=named("reviews.csv", b"text,label,split\na,x,train\nb,y,train\nc,odd,test\n")),
    Case("a class with too few texts to hold some out", CSV, code="GR-DATA-081", status=1, says=("rare",),
         make=table("seen once,rare")),
    Case("a compressed table cut off", f"{TRAIN} reviews.csv.gz", code="GR-TEXT-001", status=1,
         says=("reviews.csv.gz",), make=named("reviews.csv.gz", gzip.compress(SOUND.encode())[:40])),
    Case("a line of JSON that is no object", f"{TRAIN} reviews.jsonl", code="GR-TEXT-012", status=1,
         says=("reviews.jsonl, line 2",),
         make=named("reviews.jsonl", json.dumps({"text": "a", "label": "x"}).encode() + b"\n[1, 2]\n")),
    Case("a line that is no JSON", f"{TRAIN} reviews.jsonl", code="GR-TEXT-012", status=1,
         says=("reviews.jsonl, line 1",), make=named("reviews.jsonl", b"{text: a}\n")),
    Case("text files outside a class folder", f"{TRAIN} reviews", code="GR-TEXT-016", status=1,
         says=("reviews", "loose.txt"), make=class_folder("good/1.txt", "loose.txt")),
    Case("training texts alone, and no share to test on", f"{CSV} --data.test 0", code="GR-TEXT-017",
         status=2, says=("reviews.csv", "train"), make=table()),
    Case("a batch larger than the texts", f"{CSV} --train.batch 500", code="GR-DATA-040", status=2,
         says=("--train.batch",), make=table()),
    Case("texts for a recipe that makes its own", "train sentiment/smoke --data reviews.csv",
         code="GR-CLI-006", status=2, says=("reviews.csv",), make=table()),
)
SETTINGS = (
    Case("stop words of another language", f"{SMOKE} --clean.stop_words remove --clean.language german",
         code="GR-TEXT-020", status=2, says=("german",)),
    Case("synonyms that nobody gave", f"{SMOKE} --augment.synonym_share 0.2", code="GR-CONFIG-003", status=2,
         says=("--augment.synonym_share",)),
    Case("neighbours without vectors", f"{SMOKE} --augment.neighbours 3", code="GR-CONFIG-003", status=2,
         says=("--vectors.path",)),
    Case("a list of synonyms with a word alone", f"{SMOKE} --augment.synonyms synonyms.txt",
         code="GR-TEXT-035", status=1, says=("synonyms.txt, line 2",),
         make=named("synonyms.txt", b"good fine\nalone\n")),
    Case("ratios of hashed n-grams", f"{SMOKE} --model text_bag --model.ratio_smoothing 1 --model.buckets 99",
         code="GR-CONFIG-003", status=2, says=("--model.ratio_smoothing",)),
    Case("a fold beyond the folds", f"{SMOKE} --data.fold 2", code="GR-CONFIG-003", status=2,
         says=("--data.fold",)),
)
VECTORS = (
    Case("word vectors that are not there", CNN, code="GR-TEXT-001", status=1, says=("vectors.bin",)),
    Case("an empty file of word vectors", CNN, code="GR-TEXT-030", status=1, says=("vectors.bin",),
         make=vectors(b"")),
    Case("word vectors in no known form", CNN, code="GR-TEXT-030", status=1, says=("vectors.bin, line 1",),
         make=vectors(b"PK\x03\x04 zip")),
    Case("billions of word vectors", CNN, code="GR-TEXT-030", status=1,
         says=("vectors.bin, line 1", "4000000000"), make=vectors(b"4000000000 300\n")),
    Case("word vectors of billions of numbers", CNN, code="GR-TEXT-030", status=1,
         says=("vectors.bin, line 1",), make=vectors(b"10 4000000000\n")),
    Case("a word vector with a number missing", CNN, code="GR-TEXT-031", status=1,
         says=("vectors.bin, line 2", "2 numbers"), make=vectors(b"good 1 2 3\nbad 1 2\n")),
    Case("binary word vectors cut off", CNN, code="GR-TEXT-032", status=1, says=("vectors.bin", "2"),
         make=vectors(b"2 3\ngood \0\0\0\0\0\0")),
    Case("word vectors of another width", CNN, code="GR-TEXT-033", status=2, says=("--model.width", "32"),
         make=vectors(b"good 1 2 3\n")),
    Case("word vectors of other words", CNN, code="GR-TEXT-034", status=1, says=("vectors.bin",),
         make=vectors(b"bonjour 1 2 3\n")),
    Case("word vectors from a folder that is no run", f"{SMOKE} --vectors.path empty", code="GR-TEXT-030",
         status=1, says=("empty",), make=lambda place: (place / "empty").mkdir()),
    Case("a corpus of three words", "train sentiment/word_vectors --data corpus.txt", code="GR-TEXT-036",
         status=1, says=("corpus.txt", "3"), make=named("corpus.txt", b"only three words\n")),
)
CASES = (*TABLES, *SETTINGS, *VECTORS)
# fmt: on
