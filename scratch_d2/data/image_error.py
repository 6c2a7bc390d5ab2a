"""What is raised for a file that is no usable image."""


class ImageError(ValueError):
    """A file that cannot be used as a photograph or mask; the message names it and says why."""
