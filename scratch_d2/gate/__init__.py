"""The gate: one look at the whole image, so that clearly Good ones skip the detector."""

import warnings

with warnings.catch_warnings():
    # timm scripts functions while it is imported; newer releases of torch warn of each.
    warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)
    from scratch_d2.gate.model import Gate
    from scratch_d2.gate.preprocess import Preprocessing

__all__ = ["Gate", "Preprocessing"]
