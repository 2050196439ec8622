"""The air-gap bundle: built and signed here, checked and installed there.

Installing needs Python, its standard library and `ssh-keygen`, because nothing of ours is installed
yet. Only `build` and `sbom`, which run where the bundle is made, need more.
"""
