"""Every package that is installed may be passed on with the project, and says so."""

from pathlib import Path

from tools.licences import licences, list_names

REPO = Path(__file__).resolve().parents[1]


def test_no_package_asks_for_our_code_and_each_names_its_licence():
    packages = licences(list_names(REPO / "requirements-dev.txt"))
    assert {"torch", "gradio", "pillow", "numpy", "hypothesis"} <= packages.keys()
    terms = {name: licence for name, (_, licence) in packages.items()}
    assert not [name for name, licence in terms.items() if "GPL" in licence or "Affero" in licence]
    silent = {name for name, licence in terms.items() if not licence}
    assert not {name for name in silent if not name.startswith(("cuda", "nvidia"))}  # torch's own, NVIDIA's
