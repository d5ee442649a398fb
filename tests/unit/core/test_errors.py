"""Errors for people, and the pages behind their codes."""

import ast
import re
from pathlib import Path

import pytest

from gradus.core import findings
from gradus.core.errors import GradusError, InputError, UsageError
from gradus.core.findings import PAGES


def test_an_error_says_where_what_and_what_to_do():
    error = InputError("GR-RUN-001", where="a.csv:3", wanted="a number", got="'x'", remedy="Mend the row.")
    assert str(error) == "a.csv:3: wanted a number, got 'x'. Mend the row. [GR-RUN-001]"
    assert (error.code, error.where, error.wanted, error.got) == ("GR-RUN-001", "a.csv:3", "a number", "'x'")
    assert error.remedy == "Mend the row."


@pytest.mark.parametrize(("kind", "status"), [(InputError, 1), (UsageError, 2)])
def test_each_kind_has_its_exit_status(kind, status):
    error = kind("GR-RUN-001", where="", wanted="", got="", remedy="")
    assert error.exit_status == status
    assert isinstance(error, GradusError)


def test_a_code_without_a_page_is_a_mistake_of_ours():
    with pytest.raises(AssertionError, match="GR-RUN-999 has no page"):
        InputError("GR-RUN-999", where="", wanted="", got="", remedy="")


def test_codes_are_written_alike_and_in_order_within_their_area():
    assert [code for code in PAGES if not re.fullmatch(r"GR-[A-Z]+-\d{3}", code)] == []
    areas = [code.rsplit("-", 1)[0] for code in PAGES]
    for area in dict.fromkeys(areas):
        codes = [code for code, its_area in zip(PAGES, areas, strict=True) if its_area == area]
        assert codes == sorted(codes)


def test_no_code_is_written_twice():
    areas = sorted(Path(findings.__file__).parent.glob("*.py"))
    nodes = [node for area in areas for node in ast.walk(ast.parse(area.read_text()))]
    keys = [key.value for node in nodes if isinstance(node, ast.Dict) for key in node.keys]
    assert sorted(keys) == sorted(PAGES)


@pytest.mark.parametrize("code", PAGES)
def test_a_page_is_a_title_and_whole_sentences(code):
    page = PAGES[code]
    assert page.title
    assert page.title[-1] not in ".!?:"
    for sentences in (page.means, page.remedy):
        assert sentences[0].isupper() or sentences[0] == "`"
        assert sentences[-1] == "."
