"""starter: which of two spirals does a point lie on? Copied by `gradus new job NAME`; make it yours."""

from .job import JOB

__all__ = ["JOB"]
