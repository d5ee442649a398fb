"""Downloads from a server of the test's own: whole, resumed, cut short, wrong, refused, to a bad disk."""

import errno
import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from gradus.core.errors import InputError
from gradus.data.fetch import fetch
from gradus.data.source_table import SOURCES, Source, SourceFile

CONTENT = bytes(range(256)) * 4096  # 1 MiB: several pieces


class Server(BaseHTTPRequestHandler):
    """Serves CONTENT; the first part of the path says how badly."""

    def do_GET(self):
        self.server.asked.append(self.headers.get("Range"))
        kind = self.path.split("/")[1]
        if kind == "missing":
            self.send_error(404)
            return
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        start = 0 if kind == "no-ranges" else start
        if kind == "refuses-ranges" and start:
            self.send_error(416)
            return
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if kind == "endless":
            body = body + body
        self.wfile.write(body[: 300_000 if kind == "cut" else None])

    def log_message(self, *_):
        return


@pytest.fixture(scope="module")
def server():
    made = HTTPServer(("127.0.0.1", 0), Server)
    made.asked = []
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.fixture
def source(server):
    """A data set of one file, served in one of the ways."""
    server.asked.clear()

    def of_kind(kind, content=CONTENT, algorithm="sha256"):
        digest = f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
        url = f"http://127.0.0.1:{server.server_port}/{kind}/a.bin"
        file = SourceFile(name="a.bin", url=url, digest=digest, num_bytes=len(content))
        return Source(name="a", title="", files=(file,), licence="", citation="")

    return of_kind


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_a_file_arrives_whole(tmp_path, server, source, algorithm):
    told = []
    fetch(
        source("good", algorithm=algorithm), tmp_path / "new" / "a", progress=lambda *fact: told.append(fact)
    )
    assert (tmp_path / "new" / "a" / "a.bin").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "new" / "a").iterdir()] == ["a.bin"]
    assert told[0] == ("a.bin", 2**18, 2**20)
    assert told[-1] == ("a.bin", 2**20, 2**20)
    assert server.asked == [None]


def test_a_file_that_is_there_is_kept(tmp_path, server, source):
    (tmp_path / "a.bin").write_bytes(CONTENT)
    fetch(source("good"), tmp_path)
    assert server.asked == []
    (tmp_path / "a.bin").write_bytes(b"other")
    with pytest.raises(
        InputError, match=r"a\.bin: wanted the sha256 sum.*from 5 bytes\. Remove the file.*GR-DATA-072"
    ):
        fetch(source("good"), tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == b"other"  # it may be someone's


def test_a_transfer_that_is_cut_goes_on_where_it_stopped(tmp_path, server, source):
    with pytest.raises(InputError, match=r"GR-DATA-07[45]"):
        fetch(source("cut"), tmp_path)
    assert not (tmp_path / "a.bin").exists()
    got = (tmp_path / "a.bin.part").stat().st_size
    assert 0 < got <= 300_000
    fetch(source("good"), tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert not (tmp_path / "a.bin.part").exists()
    assert server.asked == [None, f"bytes={got}-"]


def test_a_server_without_ranges_sends_everything_again(tmp_path, source):
    (tmp_path / "a.bin.part").write_bytes(CONTENT[:1000])
    fetch(source("no-ranges"), tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_whole_part_is_only_checked(tmp_path, server, source):
    (tmp_path / "a.bin.part").write_bytes(CONTENT)
    fetch(source("good"), tmp_path)
    assert server.asked == []
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


WRONG = {
    "a web page": b"<html>log in first</html>" * 1000,
    "a byte": CONTENT[:5000] + b"x",
    "all of it": b"x" * len(CONTENT),
    "more than it": bytes(2**21),
    "all but a byte": b"x" + CONTENT[1:-1],
}


@pytest.mark.parametrize("kind", ["good", "no-ranges", "refuses-ranges"])
@pytest.mark.parametrize("part", WRONG)
def test_a_part_that_turns_out_wrong_is_begun_anew(tmp_path, server, source, kind, part):
    (tmp_path / "a.bin.part").write_bytes(WRONG[part])
    fetch(source(kind), tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]
    assert len(server.asked) <= 2


def test_two_that_fetch_at_once_have_the_same_file_from_one_transfer(tmp_path, server, source):
    """The second waits for the first; they are started while the first is within the file."""
    faults, within = [], threading.Event()

    def one(*, progress):
        try:
            fetch(source_of_both, tmp_path, progress=progress)
        except Exception as error:
            faults.append(error)

    def waiting(name, done, total):
        within.set()
        time.sleep(0.05)

    source_of_both = source("good")
    first = threading.Thread(target=one, kwargs={"progress": waiting})
    others = [threading.Thread(target=one, kwargs={"progress": waiting}) for _ in range(3)]
    first.start()
    assert within.wait(10)
    for thread in others:
        thread.start()
    for thread in (first, *others):
        thread.join(20)
    assert faults == []
    assert server.asked == [None]
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_who_waits_goes_on_where_a_killed_one_stopped(tmp_path, server, source):
    (tmp_path / ".lock").write_bytes(b"")  # of one that was killed: nobody holds it
    (tmp_path / "a.bin.part").write_bytes(CONTENT[:1000])
    fetch(source("good"), tmp_path)
    assert server.asked == ["bytes=1000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


def test_a_whole_set_is_checked_where_nothing_may_be_written(tmp_path, server, source, monkeypatch):
    (tmp_path / "a.bin").write_bytes(CONTENT)
    monkeypatch.setattr("fcntl.flock", None)
    fetch(source("good"), tmp_path)
    assert server.asked == []


def test_an_interruption_is_no_fault_of_the_network(tmp_path, source):
    """What shows the progress may fail of its own: a full standard output, say."""

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left") as caught:
        fetch(source("good"), tmp_path, progress=refuse)
    assert not isinstance(caught.value, InputError)
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin.part"]


@pytest.mark.parametrize("part", [b"", b"not the beginning of it", bytes(2**21)])
def test_a_wrong_sum_leaves_nothing(tmp_path, source, part):
    (tmp_path / "a.bin.part").write_bytes(part)
    other = CONTENT[:-1] + b"x"
    with pytest.raises(InputError, match=r"a\.bin\.part: wanted the sha256 sum.*GR-DATA-072"):
        fetch(source("good", content=other), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_never_stops_is_cut_off(tmp_path, source):
    small = source("endless", content=CONTENT[:1000])
    with pytest.raises(InputError, match="GR-DATA-072"):
        fetch(small, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_is_told(tmp_path, source):
    with pytest.raises(
        InputError, match=r"/missing/a\.bin: wanted the file, got the answer 404 Not Found.*073"
    ):
        fetch(source("missing"), tmp_path)


def test_no_network_is_told(tmp_path, source):
    gone = HTTPServer(("127.0.0.1", 0), Server)
    gone.server_close()
    file = SourceFile(name="a", url=f"http://127.0.0.1:{gone.server_port}/a", digest="md5:0", num_bytes=1)
    with pytest.raises(InputError, match=r"wanted a connection, got URLError.*GR-DATA-074"):
        fetch(Source(name="a", title="", files=(file,), licence="", citation=""), tmp_path)


class Answer:
    """What an opener returns: pieces, then an error."""

    status = 200

    def __init__(self, *pieces):
        self.pieces = list(pieces)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def read(self, _):
        piece = self.pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        return piece


def test_a_connection_that_breaks_keeps_what_came(tmp_path, source):
    def opener(request, timeout):
        assert timeout > 0
        return Answer(CONTENT[:1000], TimeoutError("timed out"))

    with pytest.raises(InputError, match=r"TimeoutError: timed out.*goes on where it stopped.*GR-DATA-074"):
        fetch(source("good"), tmp_path, opener=opener)
    assert (tmp_path / "a.bin.part").read_bytes() == CONTENT[:1000]


def test_a_full_disk_is_told(tmp_path, source, monkeypatch):
    (tmp_path / "a.bin.part").symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"wanted room for the file, got no space left.*GR-DATA-076"):
        fetch(source("good"), tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path, source):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"wanted a folder to write to, got not a directory.*GR-DATA-076"):
        fetch(source("good"), tmp_path / "file" / "a")


def test_a_folder_that_must_not_be_written_is_told(tmp_path, source, monkeypatch):
    def refuse(self, target):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    with pytest.raises(InputError, match=r"got read-only file system.*GR-DATA-076"):
        fetch(source("good"), tmp_path)


@pytest.mark.parametrize(
    ("name", "said"), [("digits", "a library brings along"), ("cifar10_subset", "put into place")]
)
def test_what_has_no_address_is_told(tmp_path, name, said):
    with pytest.raises(InputError, match=rf"{said}.*GR-DATA-071"):
        fetch(SOURCES[name], tmp_path, opener=SimpleNamespace)
