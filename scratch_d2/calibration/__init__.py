"""Choose the operating point by a goal, on validation images, and say what to expect of it."""

from scratch_d2.calibration.choice import Calibration, calibrate, read_goal
from scratch_d2.calibration.goal import Goal

__all__ = ["Calibration", "Goal", "calibrate", "read_goal"]
