"""The review page: a person confirms or corrects the results of a prediction run.

`server` serves it, `app` holds its addresses, `queue` orders the photographs by `doubt`, and
`reviews` is the file that keeps what the person said. The .js files are its program; it shares
style, zoom and theme with the report.
"""
