"""The command line: parses, calls the workflow of the same name, prints.

Comes in: arguments. Goes out: data on stdout, talk and progress on stderr, an exit code.
Never here: a rule, a loop over data, an `open`, a heavy import at the top of a module.
"""
