"""The networks: what they are made of, as ONNX graphs and as Keras models."""
