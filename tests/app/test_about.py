"""What the tab About says of the shipped checkpoints."""

from html.parser import HTMLParser

import torch

import model
from app.networks import Networks
from app.site import Site
from app.tabs import about
from model import Info, list_checkpoints
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
    text = read(
        about.equations(networks) + about.network(networks) + about.checkpoints(networks) + about.links(Site(networks))
    )
    assert "<" not in text and "&" not in text.replace("&compat=", "").replace("&example=", "")
    assert "⟨l i, g⟩ / √d".replace("l i", "li") in text and "tanh(W li + V g + b)" in text
    for entry in list_checkpoints():
        assert entry.name in text and f"{100 * entry.info.results['error']:.2f}" in text
        assert f"{entry.name}: {entry.info.recipe['command']} (seed {entry.info.recipe['seed']}; " in text
        assert entry.info.recipe["commit"] in text
        for title, other in entry.info.results.get("more_tests", {}).items():
            assert f"on {title} {100 * other['error']:.2f} %" in text


def test_the_network_described_is_the_one_served(tmp_path):
    info = Info(class_names=tuple("abcdefghij"))
    model.build("resnet164-att2-concat-dp", width=0.125).save_pretrained(tmp_path / "deep-dp", info)
    model.build("vgg-att2-concat-pc", width=0.125, input_size=48).save_pretrained(tmp_path / "wide-pc", info)
    networks = Networks.load(tmp_path)
    text = read(about.network(networks))
    assert "deep: A convolution and three stages of 18" in text
    assert "wide: Fifteen 3 × 3 convolutions" in text and "grids at\n48 × 48 pixels" in text
    for net in networks.every.values():
        with torch.no_grad():
            maps = net(torch.zeros(1, 3, net.input_size, net.input_size))[1]
        sides = [stage.side for stage in net.stages if "gives local features" in stage.then]
        assert sides == [m.shape[-1] for m in maps.values()]
        assert str(net.trunk.channels[net.levels[-1]]) in text
