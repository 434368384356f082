"""Every performance figure that the docs quote, reproducible: `python -m bench --help`."""
