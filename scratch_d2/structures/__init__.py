"""The values of the package, on NumPy alone: masks, predictions, thresholds, verdicts."""
