"""From photographs to verdicts: gate, then detector, then the area rule, then the outputs."""

from scratch_d2.inspection.inspector import Inspection, Inspector
from scratch_d2.structures.thresholds import Thresholds
from scratch_d2.structures.verdict import Verdict, judge

__all__ = ["Inspection", "Inspector", "Thresholds", "Verdict", "judge"]
