"""Files and folders that systems and programs leave next to people's own. They are never pictures or tables to read."""

from pathlib import PurePath

#: Names in lower case. Whatever begins with a dot is hidden too: .DS_Store, .ipynb_checkpoints, .Trash-1000, ._1.jpg.
_SYSTEM = frozenset({
    "__macosx", "icon\r", "network trash folder", "temporary items", "thevolumesettingsfolder", "desktop db",
    "desktop df",  # macOS and its file servers
    "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$recycle.bin", "recycler",
    "system volume information", "found.000",  # Windows
    "@eadir", "@synoresource", "@tmp", "@sharebin", "#recycle", "#snapshot", "@recycle", "@recently-snapshot",
    "lost.dir", "lost+found",  # Synology, QNAP, Android, Linux
    "__pycache__",
})  # fmt: skip
_BEGINNINGS = (".", "~$", "~lock.")  # hidden; open in Excel or LibreOffice


def is_hidden(name: str) -> bool:
    """Whether a file or folder in this path is hidden, or was added by a system or a program."""
    parts = [part for part in PurePath(name).parts if part not in (".", "..")]
    return any(part.startswith(_BEGINNINGS) or part.lower() in _SYSTEM for part in parts)
