"""The words for what a photograph is."""

GOOD, BAD = "good", "bad"
