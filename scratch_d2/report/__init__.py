"""report.html: an evaluation to look at, with sliders for its thresholds."""

from scratch_d2.report.offline import write_report_of
from scratch_d2.report.page import write_report

__all__ = ["write_report", "write_report_of"]
