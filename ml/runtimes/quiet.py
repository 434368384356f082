"""What TensorFlow reads from the environment before its first import."""

import logging
import os


def quiet_tensorflow() -> None:
    """Keep TensorFlow's start-up notes off the screen; takes effect only before its first import."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # its results vary with the machine in the last bits
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    for name in ("tensorflow", "absl"):
        logging.getLogger(name).setLevel(logging.ERROR)
