"""The public data sets that gradus knows, where a copy is looked for, and how it is read.

SOURCES is the whole list. A copy is looked for at the path that is given; else in $GRADUS_DATA/<name>, then
in the user's cache.
"""

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

from gradus.core.errors import InputError, UsageError
from gradus.data import cifar
from gradus.data.layouts import read_pictures
from gradus.data.picture_sets import PictureSet
from gradus.data.pictures import PictureForm


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFile:
    """One file of a data set as it is published."""

    name: str
    url: str | None
    """None where no public address has the file: it is put into place by hand."""
    digest: str
    """"sha256:" or "md5:" and the sum in hexadecimal."""
    num_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A public data set: what it is, where it comes from, and how it may be used."""

    name: str
    title: str
    files: tuple[SourceFile, ...]
    """Empty where a library that gradus needs brings the data along."""
    licence: str
    citation: str
    classes: tuple[str, ...] | None = None
    """What the labels 0, 1, 2, ... are called, where the files do not say."""


FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist"  # the authors' own address no longer serves the files
CIFAR = "https://www.cs.toronto.edu/~kriz"
KRIZHEVSKY = "Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009"

SOURCES: dict[str, Source] = {
    "digits": Source(
        name="digits",
        title="Handwritten digits, 1,797 of 8 x 8, grey, 10 classes; part of scikit-learn",
        files=(),
        licence="CC BY 4.0",
        citation="Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998",
    ),
    "mnist": Source(
        name="mnist",
        title="Handwritten digits, 60,000 + 10,000 of 28 x 28, grey, 10 classes",
        files=(
            SourceFile(
                name="train-images-idx3-ubyte.gz",
                url=f"{MNIST}/train-images-idx3-ubyte.gz",
                digest="sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                num_bytes=9_912_422,
            ),
            SourceFile(
                name="train-labels-idx1-ubyte.gz",
                url=f"{MNIST}/train-labels-idx1-ubyte.gz",
                digest="sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                num_bytes=28_881,
            ),
            SourceFile(
                name="t10k-images-idx3-ubyte.gz",
                url=f"{MNIST}/t10k-images-idx3-ubyte.gz",
                digest="sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                num_bytes=1_648_877,
            ),
            SourceFile(
                name="t10k-labels-idx1-ubyte.gz",
                url=f"{MNIST}/t10k-labels-idx1-ubyte.gz",
                digest="sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                num_bytes=4_542,
            ),
        ),
        licence="none stated; free to use with citation",
        citation="LeCun, Bottou, Bengio and Haffner, Gradient-Based Learning, Proc. IEEE 86, 1998",
    ),
    "fashion_mnist": Source(
        name="fashion_mnist",
        title="Articles of clothing, 60,000 + 10,000 of 28 x 28, grey, 10 classes",
        files=(
            SourceFile(
                name="train-images-idx3-ubyte.gz",
                url=f"{FASHION}/train-images-idx3-ubyte.gz",
                digest="sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                num_bytes=26_421_880,
            ),
            SourceFile(
                name="train-labels-idx1-ubyte.gz",
                url=f"{FASHION}/train-labels-idx1-ubyte.gz",
                digest="sha256:a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                num_bytes=29_515,
            ),
            SourceFile(
                name="t10k-images-idx3-ubyte.gz",
                url=f"{FASHION}/t10k-images-idx3-ubyte.gz",
                digest="sha256:346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                num_bytes=4_422_102,
            ),
            SourceFile(
                name="t10k-labels-idx1-ubyte.gz",
                url=f"{FASHION}/t10k-labels-idx1-ubyte.gz",
                digest="sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                num_bytes=5_148,
            ),
        ),
        licence="MIT",
        citation="Xiao, Rasul and Vollgraf, Fashion-MNIST, 2017, arXiv 1708.07747",
        classes=(
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ),
    ),
    "cifar10": Source(
        name="cifar10",
        title="Animals and vehicles, 50,000 + 10,000 of 32 x 32, colour, 10 classes; the binary layout",
        files=(
            SourceFile(
                name="cifar-10-binary.tar.gz",
                url=f"{CIFAR}/cifar-10-binary.tar.gz",
                digest="sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                num_bytes=170_052_171,
            ),
        ),
        licence="none stated; published for research with citation",
        citation=KRIZHEVSKY,
        classes=cifar.CLASSES,
    ),
    "cifar10_python": Source(
        name="cifar10_python",
        title="The pictures of cifar10 in the Python layout, for those who have that archive",
        files=(
            SourceFile(
                name="cifar-10-python.tar.gz",
                url=f"{CIFAR}/cifar-10-python.tar.gz",
                digest="sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
                num_bytes=170_498_071,
            ),
        ),
        licence="none stated; published for research with citation",
        citation=KRIZHEVSKY,
        classes=cifar.CLASSES,
    ),
    "cifar10_subset": Source(
        name="cifar10_subset",
        title="Every fifth picture of cifar10 as JPEG files in a zip: 10,000 + 2,000",
        files=(
            SourceFile(
                name="cifar10_10k_2k_jpg.zip",
                url=None,
                digest="sha256:9f1dfea9aa6da2e9079a1eba72889fa322e644addb9607bd9c59639332fc440e",
                num_bytes=12_630_607,
            ),
        ),
        licence="none stated; published for research with citation",
        citation=KRIZHEVSKY,
        classes=cifar.CLASSES,
    ),
}


def source_named(name: str) -> Source:
    """The entry of that name; UsageError with the nearest name where there is none."""
    if name not in SOURCES:
        near = difflib.get_close_matches(name, SOURCES, 1)
        raise UsageError(
            "GR-DATA-070",
            where="the data set",
            wanted="one of " + ", ".join(SOURCES),
            got=name,
            remedy=f"Did you mean {near[0]}?" if near else "See `gradus data list`.",
        )
    return SOURCES[name]


def cache_folder() -> Path:
    """Where ``gradus data fetch`` keeps data sets: $XDG_CACHE_HOME/gradus, else ~/.cache/gradus."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "gradus"


def locate(name: str, data: str | None = None) -> Path:
    """The folder or file of a data set; a path that is given is the only place looked at.

    InputError lists the places that were looked at, and how to fetch the set.
    """
    source = source_named(name)
    cached = cache_folder() / name
    if data is not None:
        places = [Path(data).expanduser()]
        found = [place for place in places if place.exists()]
    else:
        folder = os.environ.get("GRADUS_DATA")
        places = [*([Path(folder).expanduser() / name] if folder else []), cached]
        found = [
            place for place in places if place.exists() and (place != cached or _is_whole(source, place))
        ]
    if found:
        return found[0]
    fetchable = source.files and all(file.url for file in source.files)
    files = " and ".join(file.name for file in source.files)
    raise InputError(
        "GR-DATA-001",
        where=f"the data set {name}",
        wanted="its files",
        got="nothing at " + ", nor at ".join(map(str, places)),
        remedy=f"Run `gradus data fetch {name}`, or give --data PATH."
        if fetchable
        else f"Put {files} into $GRADUS_DATA/{name}, or give --data PATH.",
    )


def _is_whole(source: Source, folder: Path) -> bool:
    """Whether every file has been fetched: a stopped fetch leaves a folder with some of them."""
    return all((folder / file.name).is_file() for file in source.files)


def read_source(
    name: str,
    path: Path,
    form: PictureForm,
    *,
    skip_bad: bool = False,
    classes: tuple[str, ...] | None = None,
) -> PictureSet:
    """The pictures at ``path`` in whatever layout they have; labels get the names that the set is known by.

    ``name`` may be that of no known set, for pictures of the user's own.
    """
    known = SOURCES[name].classes if name in SOURCES else None
    return read_pictures(path, form, skip_bad=skip_bad, classes=classes or known)
