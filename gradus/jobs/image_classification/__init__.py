"""Image classification: one label a picture, from a folder of pictures to a model that predicts."""

from gradus.jobs.image_classification.job import JOB

__all__ = ["JOB"]
