"""Measuring how well a model finds similar pictures: measures, baselines, the protocol, the report.

Needs no TensorFlow: models run through `ml.embedder`, and everything after their vectors is NumPy.
"""
