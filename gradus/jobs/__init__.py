"""The jobs: one literal table, and how a reference on the command line becomes one."""

import importlib
import sys
import traceback
from pathlib import Path

from gradus.core.configs import nearest
from gradus.core.errors import InputError, UsageError
from gradus.engine.folder import header
from gradus.engine.job import Job, scored_for

TABLE: dict[str, str] = {
    "image_classification": "gradus.jobs.image_classification",
    "sentiment": "gradus.jobs.sentiment",
    "forecasting": "gradus.jobs.forecasting",
    "anomaly": "gradus.jobs.anomaly",
    "speech": "gradus.jobs.speech",
}


def find(reference: str) -> Job:
    """The job that a name of ours, a folder with a job in it, or a dotted module name stands for."""
    if reference in TABLE:
        return _job_of(TABLE[reference], reference)
    folder = Path(reference)
    if (folder / "__init__.py").is_file():
        parent = str(folder.resolve().parent)
        if parent not in sys.path:
            sys.path.insert(0, parent)
        return _job_of(folder.resolve().name, reference)
    if "." in reference and all(part.isidentifier() for part in reference.split(".")):
        return _job_of(reference, reference)
    raise UsageError(
        "GR-CLI-003",
        where=reference or "JOB",
        wanted="a job of gradus, a folder with a job, or a module that exports JOB",
        got="none of these",
        remedy=nearest(reference, list(TABLE)),
    )


def job_of(run: Path, named: str | None = None) -> Job:
    """The job of a run: one of ours, or the one that the user has ``named``.

    What the run says is only compared: to open one that somebody else made runs no code of theirs. InputError
    where there is no run, or where it is of a job of the user's own and none or another one is named.
    """
    content = header(run)
    reference = content["job"]
    if named is None and reference not in (*TABLE, *TABLE.values()):
        raise _refused(
            run, "--job with the job that it was trained with, for it is none of gradus", reference
        )
    job = find(reference if named is None else named)
    if named is not None and _last(named) != _last(reference):
        raise _refused(run, f"a run of {_last(named)}", reference)
    return scored_for(job, content["recipe"])


def _last(reference: str) -> str:
    """The name that a job goes by: that of its folder, or the last part of its module's."""
    return (Path(reference).resolve().name if Path(reference).is_dir() else Path(reference).name).split(".")[
        -1
    ]


def _refused(run: Path, wanted: str, reference: str) -> InputError:
    return InputError(
        "GR-RUN-015",
        where=f"{run / 'config.json'}, job",
        wanted=wanted,
        got=repr(reference)[:200],
        remedy="Give --job PATH: the folder, or the module, of the job.",
    )


def resolve(target: str, *, default: str | None = None) -> tuple[str, Job, str]:
    """``JOB[/RECIPE]`` as (reference, job, recipe's name).

    A bare job stands for its recipe ``default``, or for its first if it has none of that name.
    """
    head, _, tail = target.rstrip("/").rpartition("/")
    is_whole = target in TABLE or (Path(target) / "__init__.py").is_file() or not head
    reference, recipe = (target.rstrip("/"), "") if is_whole else (head, tail)
    job = find(reference)
    recipe = recipe or (default if default in job.recipes else next(iter(job.recipes)))
    if recipe not in job.recipes:
        raise UsageError(
            "GR-CLI-004",
            where=target,
            wanted=f"a recipe of {job.name}",
            got=repr(recipe),
            remedy=nearest(recipe, list(job.recipes)),
        )
    if reference not in TABLE and Path(reference).is_dir():
        reference = str(Path(reference).resolve())
    return reference, scored_for(job, recipe), recipe


def _job_of(module: str, reference: str) -> Job:
    try:
        job = vars(importlib.import_module(module)).get("JOB")
    except (ImportError, SyntaxError) as error:
        raise _without_job(reference, str(error)) from error
    except Exception as error:  # a module of the user's own may raise anything
        at = traceback.extract_tb(error.__traceback__)[-1]
        said = f"{type(error).__name__}: {error}, in {at.filename}, line {at.lineno}"
        raise _without_job(reference, said) from error
    if not isinstance(job, Job):
        raise _without_job(reference, "no JOB" if job is None else f"a JOB that is a {type(job).__name__}")
    return job


def _without_job(reference: str, got: str) -> UsageError:
    return UsageError(
        "GR-CLI-005",
        where=reference,
        wanted="a module that exports JOB",
        got=got,
        remedy="Mend it, or look at a folder written by `gradus new job NAME`.",
    )
