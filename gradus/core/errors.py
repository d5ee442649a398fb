"""Errors for people: where it happened, what was wanted, what was got, what to do, and a code with a page."""

from gradus.core.findings import PAGES


class GradusError(Exception):
    """A failure that its reader can mend; the command line prints it without a traceback.

    ``where`` names the file, row, setting or step; ``wanted`` and ``got`` complete "wanted ..., got ...";
    ``remedy`` is one imperative sentence. Every code has an entry in ``gradus.core.findings.PAGES``.
    """

    exit_status = 1

    def __init__(self, code: str, *, where: str, wanted: str, got: str, remedy: str) -> None:
        assert code in PAGES, f"{code} has no page in gradus/core/findings"
        self.code, self.where, self.wanted, self.got, self.remedy = code, where, wanted, got, remedy
        super().__init__(f"{where}: wanted {wanted}, got {got}. {remedy} [{code}]")


class InputError(GradusError):
    """The data, a file or the run itself failed (exit status 1)."""

    exit_status = 1


class UsageError(GradusError):
    """The command or one of its settings is wrong, and nothing was started (exit status 2)."""

    exit_status = 2
