"""All of Ray: one cluster, kept to itself, that runs a function over ids or trains a model.

Comes in: settings, a directory for Ray's own files, functions, note ids.
Goes out: results in order; failures as an error type and a rule, without their text.
Never here: patient text as an argument or a result; `ray stop`, which ends other people's
processes; a port beyond loopback, but between the hosts of one cluster, with TLS; an address
without a token.
"""
