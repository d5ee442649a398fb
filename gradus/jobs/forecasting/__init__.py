"""Forecasting: the next steps of one or many series, with bands, and the naive forecasts beside them."""

from gradus.jobs.forecasting.job import JOB

__all__ = ["JOB"]
