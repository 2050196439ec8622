"""One function per operator's verb: joins rooms that are strangers to each other.

Comes in: a site, arguments. Goes out: frozen results for the CLI to print; events in the ledger.
Never here: a detector, a model, a SQL statement, a print.
"""
