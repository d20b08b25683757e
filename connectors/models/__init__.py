"""Anomaly models: trained from a store, kept as ONNX and JSON files, run by onnxruntime."""
