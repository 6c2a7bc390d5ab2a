"""--auto-settings: take the settings that `describe` proposes for the training data."""

import argparse
from collections.abc import Sequence


def add_auto_settings(parser: argparse.ArgumentParser) -> None:
    """Add --auto-settings."""
    words = "take the settings that describe proposes for the training data; your pairs override"
    parser.add_argument("--auto-settings", action="store_true", help=words)


def auto_settings(args: argparse.Namespace, fixed: Sequence[str] = ()) -> list[str]:
    """Print the proposal for DATASETS.TRAIN; return its KEY VALUE pairs.

    Args:
        args: with `config_file` and `opts`; the keys in `opts` are left alone.
        fixed: further keys to leave alone.
    """
    from scratch_d2.data.builtin import open_config
    from scratch_d2.data.catalog import get_dataset_dicts
    from scratch_d2.data.proposal import format_proposals, propose_settings, to_pairs
    from scratch_d2.data.statistics import measure_sizes
    from scratch_d2.utils.device import pick_device

    cfg = open_config(args.config_file, args.opts)
    dicts = [item for name in cfg.DATASETS.TRAIN for item in get_dataset_dicts(name)]
    device = pick_device(cfg.MODEL.DEVICE).type
    keys = {*args.opts[::2], *fixed}
    proposals = propose_settings(measure_sizes(dicts), cfg, keys, device)
    print(f"settings for {', '.join(cfg.DATASETS.TRAIN)}:\n{format_proposals(proposals)}\n")
    return to_pairs(proposals)
