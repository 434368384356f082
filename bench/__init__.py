"""Benchmarks for every performance figure in the docs: `python -m bench --help`."""
