"""Backups of a site: one file, encrypted to people, whole or worth nothing.

Comes in: files of a site, as they are to be kept; recipients; a backup and an identity.
Goes out: a file in the age format; the files of a site again, each as it was; shares of a key.
Never here: a site half restored that opens, a key on disk in clear, the name of a patient.
"""
