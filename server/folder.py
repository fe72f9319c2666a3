"""Files that callers name by a path inside a folder, and may not lead out of it."""

from pathlib import Path


class FolderError(ValueError):
    """A path is no file inside the folder; the text reads on after the quoted path."""


def locate(folder: Path, path: str) -> Path:
    """Return the file that a relative path names inside a folder.

    Raises:
        FolderError: the path is empty, absolute, has `..` in it, leads out through a link, or is no file.
    """
    asked = Path(path)
    if not path or "\0" in path or asked.is_absolute() or ".." in asked.parts:
        raise FolderError("is not a path inside the folder")
    try:
        root = folder.resolve(strict=True)
        found = (root / asked).resolve(strict=True)
    except (OSError, RuntimeError):
        raise FolderError("was not found") from None
    if not found.is_relative_to(root):
        raise FolderError("is not a path inside the folder")
    if not found.is_file():
        raise FolderError("is not a file")
    return found
