"""What a newcomer's first minutes depend on: the dependency lists, the imports, and what make refuses."""

import ast
import os
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import model
from tests.conftest import REPO

PACKAGES = ("app", "model", "training")


def normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names(text: str) -> set[str]:
    """The distributions in a text of pip's format."""
    return {normalize(name) for name in re.findall(r"^([A-Za-z0-9][\w.-]*)", text, re.MULTILINE)}


def imports(package: str) -> set[str]:
    """The top-level modules that a package's files import, anywhere in the file."""
    modules = set()
    for path in (REPO / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules.add(node.module.split(".")[0])
    return modules


def requirements(file: str) -> set[str]:
    return names((REPO / file).read_text())


def distributions(modules: set[str]) -> dict[str, set[str]]:
    """For each module, the distributions that may provide it."""
    provided_by = packages_distributions()
    return {module: {normalize(d) for d in provided_by.get(module, [module])} for module in modules}


@pytest.mark.parametrize("package", PACKAGES)
def test_requirements_name_what_a_package_imports(package):
    """Space and image install requirements.txt alone, so it has to be enough for the page."""
    optional = {"spaces", "skimage", "onnx", "onnxscript"}  # used where they happen to be installed
    listed = requirements("requirements.txt")
    if package == "training":
        listed |= requirements("requirements-dev.txt")
    foreign = imports(package) - sys.stdlib_module_names - set(PACKAGES) - optional
    assert not {module for module, providers in distributions(foreign).items() if not listed & providers}


def test_the_page_needs_all_of_requirements_txt():
    used = set().union(*distributions(imports("app") | imports("model")).values())
    assert requirements("requirements.txt") <= used


def test_what_only_training_and_tests_need_is_in_requirements_dev_txt():
    text = (REPO / "requirements-dev.txt").read_text()
    assert "\n-r requirements.txt\n" in text
    assert not names(text) & requirements("requirements.txt")


@pytest.mark.parametrize(
    "package, forbidden",
    [("model", {"app", "training", "tools"}), ("app", {"training", "tools"}), ("training", {"app", "gradio", "tools"})],
)
def test_arrows_run_one_way(package, forbidden):
    assert not imports(package) & forbidden


def test_only_model_tells_kinds_of_networks_apart():
    """A network answers for itself: no isinstance over networks elsewhere, and no class's name is compared at all."""
    kinds = {c.__name__ for c in vars(model).values() if isinstance(c, type) and issubclass(c, model.Network)}
    for path in (path for package in (*PACKAGES, "tools") for path in (REPO / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance" and "model" not in path.parts:
                assert not kinds & set(re.findall(r"\w+", ast.unparse(node.args[1]))), f"{path}:{node.lineno}"
            elif isinstance(node, ast.Compare):
                sides = (node.left, *node.comparators)
                assert not any(isinstance(x, ast.Attribute) and x.attr == "__name__" for x in sides), path


def module_name(path: Path) -> str:
    parts = path.relative_to(REPO).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_no_module_imports_itself_by_way_of_others():
    """No import cycles in the repository, imports inside functions included."""
    files = {module_name(f): f for package in (*PACKAGES, "tools", "tests") for f in (REPO / package).rglob("*.py")}
    imported = {name: set() for name in files}
    for name, file in files.items():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported[name] |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                within = {
                    f"{node.module}.{alias.name}" for alias in node.names
                }  # modules of a package, or its contents
                imported[name] |= {each if each in files else node.module for each in within}
    ours = {name: modules & files.keys() for name, modules in imported.items()}
    tuple(TopologicalSorter(ours).static_order())  # a CycleError names the modules


def test_every_requirement_is_pinned():
    constraints = (REPO / "constraints.txt").read_text()
    assert requirements("requirements.txt") | requirements("requirements-dev.txt") <= names(constraints)
    lines = [line for line in constraints.splitlines() if line and not line.startswith("#")]
    assert not [line for line in lines if not re.match(r"[\w.-]+==[\w.]+( ; .+)?$", line)]


def test_every_file_that_is_installed_is_checked_against_its_hash():
    page, rest = ((REPO / file).read_text() for file in ("requirements.lock", "requirements-dev.lock"))
    assert requirements("requirements.txt") <= names(page) and rest.startswith("-r requirements.lock\n")
    chosen = {line for line in (REPO / "constraints.txt").read_text().splitlines() if not line.startswith("#")}
    locked = re.findall(r"^([^-\s].*?) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", page + rest, re.MULTILINE)
    assert {line for line, _ in locked} == chosen and len(locked) == len(chosen)
    for installs in ("Makefile", "Dockerfile"):
        assert "--require-hashes -r requirements.lock" in (REPO / installs).read_text()
    assert "--require-hashes -r requirements-dev.lock" in (REPO / "Makefile").read_text()


def test_a_space_runs_the_gradio_that_is_tested():
    (version,) = re.findall(r"^sdk_version: (.+)$", (REPO / "README.md").read_text(), re.MULTILINE)
    assert f"gradio=={version}" in (REPO / "constraints.txt").read_text().splitlines()


def test_the_image_copies_files_that_exist_and_are_let_in():
    copied = {
        source
        for line in re.findall(r"^COPY (?:--\S+ )*(.+)$", (REPO / "Dockerfile").read_text(), re.MULTILINE)
        for source in line.split()[:-1]
    }
    let_in = {line[1:] for line in (REPO / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == let_in
    assert all((REPO / source).exists() for source in copied)


def make(*arguments: str) -> subprocess.CompletedProcess:
    # as from a shell, though these tests may run inside `make test`
    outside = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *arguments], cwd=REPO, env=outside, capture_output=True, text=True, timeout=60)


def test_make_alone_prints_help():
    shown = make().stdout
    assert all(
        f"make {command} " in shown for command in ("demo", "test", "lint", "data", "bench", "figures", "container")
    )


def test_port_reaches_the_page():
    assert "GRADIO_SERVER_PORT=7999" in make("--dry-run", "demo", "PORT=7999").stdout


@pytest.mark.parametrize(
    "script, sentence",
    [
        (None, "was not found: install Python 3.10"),
        ("exit 1", "3.10 or newer is needed"),
        ('case "$*" in *ensurepip*) exit 1;; esac', "has no venv module"),
    ],
    ids=["absent", "old", "without venv"],
)
def test_an_unfit_python_gets_one_sentence(tmp_path, script, sentence):
    python = tmp_path / "python"
    if script:
        python.write_text(f"#!/bin/sh\n{script}\n")
        python.chmod(0o755)
    result = make("install", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}")
    assert result.returncode != 0
    assert sentence in result.stdout and result.stdout.count("\n") == 1
    assert not (tmp_path / "venv").exists()
