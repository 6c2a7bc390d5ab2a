"""A service that judges photographs over HTTP.

`server` runs it, `app` holds its addresses, `body` reads what clients send, `batcher` judges what
waits at the same time together, and `metrics` counts it.
"""
