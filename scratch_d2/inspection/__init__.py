"""From photographs to verdicts: gate, then detector, then the area rule, then the outputs."""

from scratch_d2.inspection.pipeline import Inspection, inspect
from scratch_d2.inspection.verdict import Thresholds, Verdict, judge

__all__ = ["Inspection", "Thresholds", "Verdict", "inspect", "judge"]
