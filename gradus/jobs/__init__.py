"""The jobs: one literal table, and how a reference on the command line becomes one."""

import importlib
import sys
from pathlib import Path

from gradus.core.configs import nearest
from gradus.core.errors import UsageError
from gradus.engine.job import Job

TABLE: dict[str, str] = {
    "image_classification": "gradus.jobs.image_classification",
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
    if "." in reference and "/" not in reference:
        return _job_of(reference, reference)
    raise UsageError(
        "GR-CLI-003",
        where=reference or "JOB",
        wanted="a job of gradus, a folder with a job, or a module that exports JOB",
        got="none of these",
        remedy=nearest(reference, list(TABLE)),
    )


def resolve(target: str) -> tuple[str, Job, str]:
    """``JOB[/RECIPE]`` as (reference, job, recipe's name); the first recipe is the default."""
    head, _, tail = target.rstrip("/").rpartition("/")
    is_whole = target in TABLE or (Path(target) / "__init__.py").is_file() or not head
    reference, recipe = (target.rstrip("/"), "") if is_whole else (head, tail)
    job = find(reference)
    recipe = recipe or next(iter(job.recipes))
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
    return reference, job, recipe


def _job_of(module: str, reference: str) -> Job:
    try:
        job = importlib.import_module(module).JOB
    except (ImportError, AttributeError) as error:
        raise UsageError(
            "GR-CLI-005",
            where=reference,
            wanted="a module that exports JOB",
            got=str(error),
            remedy="Look at a folder written by `gradus new job NAME`.",
        ) from error
    assert isinstance(job, Job), f"JOB of {module} is not a gradus.engine.job.Job"
    return job
