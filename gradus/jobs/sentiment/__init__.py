"""Sentiment, and any other classification of texts: from a table of texts to a model that says which words
drove it."""

from gradus.jobs.sentiment.job import JOB

__all__ = ["JOB"]
