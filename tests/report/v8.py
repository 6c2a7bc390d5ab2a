"""The page's functions in V8, without a page."""

from importlib import resources

# What needs no document until it is called.
NAMES = ("metrics", "intervals", "wording", "dom", "dialog", "export", "compare")


def load_script():
    """Return a function that calls one of the page's by name."""
    # Of the extra "dev"; where it is missing these tests fail, so that they are never left out.
    from py_mini_racer import MiniRacer

    context = MiniRacer()
    folder = resources.files("scratch_d2.report")
    context.eval("\n".join(folder.joinpath(f"{name}.js").read_text("utf-8") for name in NAMES))
    return context.call
