"""The egress process: one door, in the OpenAI API's form, to the one provider.

Comes in: requests of callers it can name, on a UNIX socket or a loopback port.
Goes out: what the policy and the gate both allow, written to the ledger before a byte leaves; to
the caller a reply that was inspected, or a refusal that names a rule.
Never here: an address, a key or a header of a caller's; a request that is not understood; text in
a log, a metric, an error or the ledger.
"""
