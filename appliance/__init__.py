"""Mine a hospital's own notes with language models; no patient's data leaves the building."""

__version__ = "0.1.0"
