"""The words for what a photograph is, and for what is to be done with it."""

GOOD, BAD, REVIEW = "good", "bad", "review"
# How the reason of an image begins that no model can judge.
UNJUDGED = "cannot be judged"
