"""Exported models: write a bundle, and run it with ONNX Runtime or OpenVINO without torch."""
