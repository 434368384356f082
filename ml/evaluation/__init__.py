"""How good is a model at putting like beside like: measures, baselines, the protocol, the report.

Free of TensorFlow; a model is run through `ml.embedder`, everything after its vectors is NumPy.
"""
