"""Weights as files: read safely, under Detectron2's names, and put into a model."""
