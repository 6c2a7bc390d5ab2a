"""report.html: look at every verdict of an evaluation, and choose thresholds by eye."""

from scratch_d2.evaluation.report.page import write_report

__all__ = ["write_report"]
