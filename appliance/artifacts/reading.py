"""Files that an operator hands in."""

from pathlib import Path

from appliance.errors import BadInput


def read_utf8(path: Path) -> str:
    """The file's text, without a byte order mark.

    Raises:
        BadInput: It is not UTF-8, or can't be read; nothing of it is quoted.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{path.name} is not UTF-8.", "Save it as UTF-8.") from None
    except OSError as error:
        raise BadInput(
            f"{path} can't be read: {error.strerror or 'I/O error'}.",
            "Name a file that this user may read.",
        ) from None
