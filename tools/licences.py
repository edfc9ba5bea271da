"""Lists every package that the project installs, with the licence that the package itself states.

python -m tools.licences requirements.txt
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageMetadata, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement


def list_names(file: Path) -> list[str]:
    """The packages that a requirements file names, and those of the files that it includes."""
    names = []
    for line in file.read_text("utf-8").splitlines():
        if match := re.match(r"-r (\S+)", line):
            names += list_names(file.parent / match[1])
        elif line and line[0] not in "#-":
            names.append(Requirement(line.partition("#")[0].strip()).name)
    return names


def licences(names: list[str]) -> dict[str, tuple[str, str]]:
    """{package: (version, licence)} of these packages and of all that they need here, sorted by name."""
    packages, waiting = {}, list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in packages:
            continue
        try:
            package = distribution(name)
        except PackageNotFoundError:  # for another system, or an extra
            continue
        packages[name] = package.version, licence(package.metadata)
        for line in package.requires or ():
            requirement = Requirement(line)
            if not requirement.marker or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return dict(sorted(packages.items()))


def licence(metadata: PackageMetadata) -> str:
    """A package's licence in a few words; "" if it states none."""
    classes = [c.rpartition(" :: ")[2] for c in metadata.get_all("Classifier", []) if c.startswith("License ::")]
    expression, text = (next(iter(metadata.get_all(key, [])), "") for key in ("License-Expression", "License"))
    name = expression or ", ".join(classes) or text
    return name.strip().partition("\n")[0][:80]


def main() -> None:
    for name, (version, terms) in licences([n for file in sys.argv[1:] for n in list_names(Path(file))]).items():
        print(f"{name:28} {version:14} {terms or 'not stated'}")


if __name__ == "__main__":
    main()
