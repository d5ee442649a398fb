"""Speech recognition: what is said in a recording, from WAV or FLAC to text."""

from gradus.jobs.speech.job import JOB

__all__ = ["JOB"]
