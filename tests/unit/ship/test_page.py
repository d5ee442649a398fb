"""The parts of a page: what people wrote stays text, whatever it is; numbers read well; figures are whole."""

import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from gradus.ship.page import STYLE, element, embedded, markup, page, picture, prose, shown, table


class Reader(HTMLParser):
    """What a browser would make of a page: tags with attributes, and the text between."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


printable = st.text(st.characters(exclude_categories=["Cs", "Cc"]))


@given(printable, printable)
def test_any_text_comes_back_as_text_and_never_as_a_tag(inside, attribute):
    seen = Reader(element("td", inside, class_=attribute).text)
    assert seen.tags == [("td", {"class": attribute})]
    assert seen.text == inside


@given(printable)
def test_prose_loses_no_letter_but_the_backticks_of_its_pairs(text):
    seen = Reader(prose(text).text)
    assert seen.text == (text if text.count("`") % 2 else text.replace("`", ""))
    assert {tag for tag, _ in seen.tags} <= {"code"}


def test_markup_is_not_escaped_twice():
    assert element("p", markup("a < b", element("b", "&"))).text == "<p>a &lt; b<b>&amp;</b></p>"
    assert element("img", src="data:,").text == '<img src="data:,">'


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.97196, "0.9720"),
        (1.0, "1.0000"),
        (0.0, "0.0000"),
        (0, "0"),
        (1234567, "1,234,567"),
        (np.float32(0.5), "0.5000"),
        (np.int64(12), "12"),
        (123.456, "123.46"),
        (-12345.678, "-12,345.68"),
        (0.00012345, "0.000123"),
        (6.1234e-9, "6.12e-09"),
        (2.5e7, "2.5e+07"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (None, "none"),
        (True, "True"),
        ("<b>", "<b>"),
    ],
)
def test_numbers_read_well(value, said):
    assert shown(value) == said


def test_columns_of_numbers_stand_to_the_right_and_others_do_not():
    seen = Reader(table(["name", "score"], [["a", 0.5], ["b", ""]]).text)
    right = [attributes.get("class") == "number" for tag, attributes in seen.tags if tag in ("th", "td")]
    assert right == [False, True, False, True, False, True]
    assert seen.text == "namescorea0.5000b"


def test_a_signed_column_has_its_signs():
    rows = [["a", 0.25], ["b", -1.5], ["c", 0.0], ["d", ""]]
    said = Reader(table(["name", "difference"], rows, signed="difference").text).text
    assert said == "namedifferencea+0.2500b\N{MINUS SIGN}1.5000c0.0000d"


def test_only_a_word_that_is_too_long_for_a_narrow_column_may_be_cut():
    text = table(["label", "key"], [["neutral and more", "x" * 300]]).text
    assert '<td class="whole">neutral and more</td>' in text
    assert f"<td>{'x' * 300}</td>" in text


def test_a_page_allows_nothing_from_outside():
    seen = Reader(page("a </title><script>", 'b"><script>', element("p", "c")).decode())
    assert "script" not in {tag for tag, _ in seen.tags}
    policy = next(a["content"] for tag, a in seen.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none';")
    assert "script-src" not in policy
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def test_bytes_that_are_no_text_do_not_stop_a_page():
    assert b"name ?.png" in page("t", "s", element("p", "name \udcff.png"))


def scatter(points):
    figure = Figure(figsize=(3, 2))
    figure.add_subplot().scatter(np.arange(points), np.arange(points) % 7)
    return figure


def test_a_figure_is_drawn_the_same_twice_and_says_nothing_of_when_and_where():
    (suffix, one), (_, two) = picture(scatter(50)), picture(scatter(50))
    assert suffix == "svg"
    assert one == two
    assert b"<metadata>" not in one


def test_a_heavy_figure_is_pixels():
    suffix, content = picture(scatter(8000))
    assert suffix == "png"
    assert content.startswith(b"\x89PNG")
    assert picture(scatter(8000)) == (suffix, content)


def test_names_in_any_script_and_dollars_that_are_no_formula_are_drawn():
    figure = Figure(figsize=(3, 2))
    figure.add_subplot().set_title("猫 costs $5_{ & <script>alert(1)</script> $")
    suffix, content = picture(figure)
    assert suffix == "svg"
    assert "猫 costs $5_{ &amp; &lt;script&gt;" in content.decode()


def test_a_formula_is_still_a_formula():
    figure = Figure(figsize=(3, 2))
    figure.add_subplot().set_title("$x^2$")
    assert b"$x^2$" not in picture(figure)[1].split(b"<text")[0]
    assert b">$x^2$<" not in picture(figure)[1]


def test_a_figure_made_with_pyplot_is_closed():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    figure = pyplot.figure(figsize=(2, 2))
    assert pyplot.get_fignums() == [figure.number]
    picture(figure)
    assert pyplot.get_fignums() == []


def test_figures_need_no_pyplot():
    kept = sys.modules.pop("matplotlib.pyplot", None)
    try:
        picture(scatter(5))
        assert "matplotlib.pyplot" not in sys.modules
    finally:
        if kept is not None:
            sys.modules["matplotlib.pyplot"] = kept


def test_a_picture_lies_inside_the_page():
    (_, _), (tag, attributes) = Reader(embedded("png", b"abc", alt='a "b"').text).tags
    assert (tag, attributes) == ("img", {"src": "data:image/png;base64,YWJj", "alt": 'a "b"'})
