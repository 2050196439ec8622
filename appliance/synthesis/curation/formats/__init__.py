"""A corpus in formats that other tools read, and back.

Comes in: examples. Goes out: files, or examples again, the same. Each module is one format;
offsets are in code points, end exclusive, unless the format says otherwise.
"""
