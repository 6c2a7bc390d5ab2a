"""The engine "d2": Detectron2's own trainer, hooks, launch and models.

`trainer.Trainer`, `mapper.ScratchMapper` and `evaluator.ScratchEvaluator` serve other Detectron2
projects as well.
"""
