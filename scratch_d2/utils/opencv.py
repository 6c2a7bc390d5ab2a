"""The one place that imports OpenCV, so that a missing library gives a sentence, not a trace."""

try:
    import cv2
except ImportError as error:
    if "libGL" in str(error) or "libgthread" in str(error):
        raise ImportError(
            f"OpenCV cannot load a display library ({error}): this machine has no desktop. Run "
            "`pip uninstall -y opencv-python && pip install --force-reinstall "
            "opencv-python-headless`, or install libGL (Debian: `apt install libgl1`)."
        ) from None
    raise ImportError(
        "OpenCV is missing: run `pip install opencv-python` (or `opencv-python-headless` on a "
        f"machine without a desktop). The import said: {error}"
    ) from None

__all__ = ["cv2"]
