"""The words for what a photograph is, and for what is to be done with it."""

GOOD, BAD, REVIEW = "good", "bad", "review"
# What the reason of an image says that no model can judge.
UNJUDGED = "cannot be judged"
