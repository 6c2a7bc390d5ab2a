"""The words for what a photograph is, and for what is to be done with it."""

GOOD, BAD, REVIEW = "good", "bad", "review"
