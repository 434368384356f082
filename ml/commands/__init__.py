"""One module per subcommand of `python -m ml`.

Each has `register(commands, parents)`, which adds its parser and sets `command` to a function that takes the
parsed options and returns the exit code.
"""
