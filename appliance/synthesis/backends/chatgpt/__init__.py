"""A provider's model, reached through the egress gateway on this machine and in no other way.

Here is no key, no address of the provider, and no way to give either.
"""
