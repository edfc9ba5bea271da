"""What systems and programs leave among a person's files: thumbnails, waste bins, copies of other systems' notes."""

from __future__ import annotations

import re
from pathlib import Path

NOTES = {  # besides what begins with a dot
    *(
        "__macosx",
        "@eadir",
        "@tmp",
        "@recycle",
        "@recently-snapshot",
        "@sharebin",
        "#recycle",
        "#snapshot",
        "~snapshot",
    ),
    *("$recycle.bin", "recycler", "recycled", "system volume information", "lost+found", "lost.dir", "resource.frk"),
    *("$extend", "msocache", "onedrivetemp", "config.msi", "_vti_cnf", "_gsdata_", "@__thumb"),
    *("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "picasa.ini", "icon\r", "zbthumbnail.info"),
    *("__pycache__", "cvs", "network trash folder", "temporary items", "thevolumesettingsfolder"),
}
PARTS = re.compile(r"\.|~\$|~syncthing~|found\.\d{3}$|.*@syno", re.IGNORECASE | re.DOTALL)


def is_left_behind(name: str) -> bool:
    """Whether a system or a program made this file or folder, by its name; hidden ones count, too."""
    return name.casefold() in NOTES or PARTS.match(name) is not None


def files_in(folder: Path) -> list[Path]:
    """The files in a folder, at any depth, without those left behind."""
    return [
        file
        for file in folder.rglob("*")
        if not any(map(is_left_behind, file.relative_to(folder).parts)) and file.is_file()
    ]
