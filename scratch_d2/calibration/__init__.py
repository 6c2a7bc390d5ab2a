"""Choose thresholds for a goal on validation images, and estimate what they achieve on others."""

from scratch_d2.calibration.choice import Calibration, calibrate, read_goal
from scratch_d2.calibration.goal import Goal

__all__ = ["Calibration", "Goal", "calibrate", "read_goal"]
