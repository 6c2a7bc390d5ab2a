"""The engine "d2": Detectron2's own trainer, hooks, launch and models."""

from scratch_d2.engines.d2.engine import D2Engine
from scratch_d2.engines.d2.evaluator import ScratchEvaluator
from scratch_d2.engines.d2.mapper import ScratchMapper
from scratch_d2.engines.d2.trainer import Trainer

__all__ = ["D2Engine", "ScratchEvaluator", "ScratchMapper", "Trainer"]
