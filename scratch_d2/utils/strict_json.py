"""JSON that people edit: a key that is there twice is refused, a byte order mark is not."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any


def parse_json(content: bytes) -> Any:
    """Parse JSON in UTF-8, UTF-16 or UTF-32.

    Raises ValueError for text that is not JSON, and for an object with two values of one key, as
    either of them may be the one that was meant.
    """
    return json.loads(content, object_pairs_hook=_to_dict)


def _to_dict(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        key, count = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {key!r} is there {count} times; accepted is once")
    return values
