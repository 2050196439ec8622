"""A web page of this machine for those who would rather look than type.

Comes in: requests of a browser with a session, which somebody the operating system knows has begun
with `appliance console token`. Goes out: pages made of what the commands would print too; review
decisions, approvals and requests for a release, in the name of who is signed in.
Never here: a note's text or the vault, a script or style from elsewhere, a rule of its own.
"""
