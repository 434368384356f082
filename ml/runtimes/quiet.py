"""The environment that TensorFlow reads on its first import."""

import logging
import os


def quiet_tensorflow() -> None:
    """Silence TensorFlow's start-up messages; takes effect only before its first import."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # results vary between machines in the last bits
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    for name in ("tensorflow", "absl"):
        logging.getLogger(name).setLevel(logging.ERROR)
