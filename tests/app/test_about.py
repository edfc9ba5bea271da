"""What the tab About says of the shipped checkpoints."""

from html.parser import HTMLParser

from app.networks import Networks
from app.site import Site
from app.tabs import about
from model import list_checkpoints
from model.format import BUNDLED


def read(html: str) -> str:
    """The text that visitors read."""
    text = []
    parser = HTMLParser()
    parser.handle_data = text.append
    parser.feed(html)
    return "".join(text)


def test_formulas_are_set_not_shown_as_code_and_every_checkpoint_is_listed():
    networks = Networks.load(BUNDLED)
    said = read(about.equations(networks) + about.network() + about.checkpoints(networks) + about.links(Site(networks)))
    assert "<" not in said and "&" not in said.replace("&compat=", "").replace("&example=", "")
    assert "⟨l i, g⟩ / √d".replace("l i", "li") in said and "tanh(W li + V g + b)" in said
    for entry in list_checkpoints():
        assert entry.name in said and f"{100 * entry.info.results['error']:.2f}" in said
        assert f"{entry.name}: {entry.info.recipe['command']} (seed {entry.info.recipe['seed']}; " in said
        assert entry.info.recipe["commit"] in said
