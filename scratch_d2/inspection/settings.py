"""What the bytes of the results depend on, as settings.json holds it."""

from dataclasses import asdict
from typing import Any

from scratch_d2.inspection.inspector import Inspector
from scratch_d2.inspection.options import Options


def run_settings(inspector: Inspector, options: Options) -> dict[str, Any]:
    """Return everything that determines the bytes of the results."""
    return {
        **inspector.metadata,
        **asdict(inspector.thresholds),
        "review_band": list(inspector.thresholds.review_band or []),
        "white_level": inspector.white_level,
        "image_check": inspector.image_check is not None,
        "batch_size": options.batch_size,
        "pictures": str(options.pictures),
        "shard": options.shard and str(options.shard),
        "format": "jsonl",
    }
