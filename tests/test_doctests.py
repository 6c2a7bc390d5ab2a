"""The examples in the docstrings of the public API."""

import doctest
from importlib import import_module

import pytest

MODULES = (
    *("structures.thresholds", "structures.prediction", "structures.verdict"),
    *("structures.masks", "structures.wording", "data.catalog", "inspection.inspector"),
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_give_what_they_say(name):
    failed, tried = doctest.testmod(import_module(f"scratch_d2.{name}"))
    assert tried and not failed
