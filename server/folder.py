"""Files that callers name by a path inside a folder, and may not lead out of it."""

from pathlib import Path


class FolderError(ValueError):
    """A path is no file inside the folder; the text reads on after the quoted path."""


def locate(folder: Path, path: str, name: str) -> Path:
    """Return the file that a relative path names inside a folder; `name` stands for the folder in errors.

    Raises:
        FolderError: the path is empty, absolute, has `..` in it, leads out through a link, or is no file.
    """
    asked = Path(path)
    if not path or asked.is_absolute() or ".." in asked.parts:
        raise FolderError(f"was not a path inside the {name}")
    try:
        root = folder.resolve(strict=True)
        found = (root / asked).resolve(strict=True)
        is_file = found.is_file()
    except (OSError, RuntimeError, ValueError):
        raise FolderError(f"was not found in the {name}") from None
    if not found.is_relative_to(root):
        raise FolderError(f"was not a path inside the {name}")
    if not is_file:
        raise FolderError("was not a file")
    return found
