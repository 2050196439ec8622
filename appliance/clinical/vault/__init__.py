"""Where notes rest: encrypted as a whole and sealed one by one; every read has a reason.

Comes in: notes and patients of the hospital, keys from the site.
Goes out: notes by id, to a caller that says why; counts; events.
Never here: a key or a text on disk in clear, a read without an event, a delete without a trace.
"""
