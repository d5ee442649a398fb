"""Says at the end of a test run which code blocks of the documentation nobody runs."""

from tests.docs.documents import blocks, documents


def pytest_terminal_summary(terminalreporter):
    """List the blocks that are marked ``<!-- not run: reason -->``."""
    left_out = [block for path in documents() for block in blocks(path) if block.not_run is not None]
    if left_out:
        terminalreporter.section("code blocks of the documentation that are not run")
        for block in left_out:
            terminalreporter.line(f"{block.where}: {block.not_run}")
