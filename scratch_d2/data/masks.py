"""The earlier name of `scratch_d2.data.mask_files`, kept for programs that import it."""

from scratch_d2.data.mask_files import read_mask

__all__ = ["read_mask"]
