"""The version of the package, in the one place that setup.py reads."""

__version__ = "0.2.0"
