"""Real patient text: taken in, kept, and read by adapters, all inside the site.

Comes in: a hospital's exports. Goes out: ids, counts and offsets.
Never here: a socket, a backend, patient text in an error, a log, a repr or a temporary file.
"""
