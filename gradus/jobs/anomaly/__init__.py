"""Anomalies in rows: a model of the normal ones tells what is not like them, and by which columns."""

from gradus.jobs.anomaly.job import JOB

__all__ = ["JOB"]
