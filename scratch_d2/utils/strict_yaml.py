"""YAML that people edit: a key that is there twice in a block is refused."""

from collections import Counter
from typing import Any

import yaml


class _StrictLoader(yaml.SafeLoader):
    """A loader that refuses what YAML forbids and PyYAML lets pass: the last value would count."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        key, count = next(iter(keys.most_common(1)), ("", 0))
        if count > 1:
            raise yaml.MarkedYAMLError(
                problem=f"the key {key!r} is there {count} times in one block; accepted is once",
                problem_mark=node.start_mark,
            )
        return node


def parse_yaml(content: str | bytes) -> Any:
    """Parse YAML; bytes in UTF-8 or UTF-16.

    Raises yaml.YAMLError for what is no YAML, and for a block with two values of one key.
    """
    return yaml.load(content, _StrictLoader)  # noqa: S506 (a SafeLoader)
