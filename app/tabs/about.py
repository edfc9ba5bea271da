"""About: the equations, the network, and the checkpoints that are served with their measured errors."""

from __future__ import annotations

from html import escape

import gradio as gr
import torch

from app.drawing import words
from app.inputs import Front
from app.networks import SWITCH, Networks
from app.site import Site
from model import Network
from model.card import PAPER
from model.datasets import dataset_title

LINKS = {
    "the paper, Learn To Pay Attention (ICLR 2018)": PAPER,
    "its author's code": "https://github.com/saumya-jetley/cd_ICLR18_LearnToPayAttention",
    "Bahdanau et al., whose additive score ours follows": "https://arxiv.org/abs/1409.0473",
    "FGSM, Goodfellow et al.": "https://arxiv.org/abs/1412.6572",
    "PGD, Madry et al.": "https://arxiv.org/abs/1706.06083",
    "saliency, Simonyan et al.": "https://arxiv.org/abs/1312.6034",
    "Grad-CAM, Selvaraju et al.": "https://arxiv.org/abs/1610.02391",
    "CAM, Zhou et al.": "https://arxiv.org/abs/1512.04150",
    "CIFAR-10 and CIFAR-100": "https://www.cs.toronto.edu/~kriz/cifar.html",
    "STL-10": "https://cs.stanford.edu/~acoates/stl10/",
}
I = "<sub>i</sub>"


def build(tab: gr.Tab, site: Site, front: Front) -> None:
    """Lays the tab out; nothing on it is computed."""
    sections = [describe(site.networks) for describe in (equations, network, checkpoints)]
    gr.HTML(f'<div class="about">{"".join(sections)}{links(site)}</div>')


def equations(networks: Networks) -> str:
    """The scores that are served here; dp in the form that its weights were trained with."""
    nets = [pair for family in networks.families.values() for pair in family.items()]
    labels = {words.equation(net): SWITCH[c] for c, net in sorted(nets, key=lambda pair: [*SWITCH].index(pair[0]))}
    scores = "".join(
        f'<li><b>{escape(label)}</b><span class="formula">{formula}</span><small>{escape(source)}</small></li>'
        for (formula, source), label in labels.items()
    )
    return f"""<section><h2>How attention is computed</h2>
<p>Up to three layers give a <em>local feature</em> <i>l{I}</i> at every position i. The end of the network gives one
<em>global feature</em> <i>g</i>; a projection fits it to layers with fewer channels. A compatibility scores every
position:</p><ul class="scores">{scores}</ul>
<p>A softmax over all positions turns the scores into weights that sum to 1. The class is read from the weighted sums of
the local features alone:</p>
<p class="formula steps"><span><i>a{I}</i> = exp <i>c{I}</i> / Σ<sub>j</sub> exp <i>c</i><sub>j</sub></span>
<span><i>g<sub>a</sub></i> = Σ{I} <i>a{I} l{I}</i></span>
<span>logits = bias + Σ<sub>layers</sub> <i>M</i> ReLU(BN(<i>g<sub>a</sub></i>))</span></p>
<p>u, W, V, b and M are learnt, separately for each layer. BN is batch normalisation. So each logit is exactly the bias
plus one term for each layer. {words.PC_LIMIT}</p></section>"""


def network(networks: Networks) -> str:
    """The layers of every architecture on the switch, at the width and input size that are served."""
    groups: dict[tuple, list[str]] = {}
    for family, nets in networks.families.items():
        net = next(iter(nets.values()))
        groups.setdefault((net.summary, *net.stages, net.arguments["width"], net.input_size), []).append(family)
    sections = ""
    for (summary, *stages, width, side), families in groups.items():
        rows = "".join(
            f'<tr><th scope="row">{stage.layers}</th><td>{stage.channels}</td><td>{stage.side} × {stage.side}</td>'
            f"<td>{stage.then}</td></tr>"
            for stage in stages
        )
        sections += f"""<p>{escape(", ".join(families))}: {summary} Channels at width {width:g}, grids at
{side} × {side} pixels.</p>{table("The network's layers", ("Layers", "Channels", "Grid", "Then"), rows)}"""
    return f"<section><h2>The network</h2>{sections}</section>"


def table(label: str, columns: tuple[str, ...], rows: str) -> str:
    """A table that scrolls by itself where the screen is narrower."""
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{label}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


COLUMNS = ("Name", "Test error", "Data", "Compatibility", "Width", "Parameters", "Pictures seen in training")


def checkpoints(networks: Networks) -> str:
    rows = "".join(checkpoint_row(title, net) for title, net in networks.every.items())
    items = "".join(training_item(title, net) for title, net in networks.every.items())
    return f"""<section><h2>The checkpoints served here</h2>
<p>Test error: the share of all test images that the network misclassifies, as stored with its weights. If two intervals
overlap widely, neither network is clearly better. Attention helped only if the error is clearly lower than that of a
control that was trained equally long. The controls: uniform weighs all positions alike, vgg-gap averages its last
layer, vgg-global classifies g alone. Width multiplies every channel count; 1 is the
paper's.</p>
{table("The checkpoints", COLUMNS, rows)}
<details><summary>How each was trained</summary><ul>{items}</ul></details></section>"""


def training_item(title: str, net: Network) -> str:
    """The command and the machine that trained a network, as far as they are known."""
    recipe = net.info.recipe
    if not recipe.get("command"):
        return ""
    facts = (
        ("seed {}", "seed"),
        ("{} hours", "hours"),
        ("{}", "precision"),
        ("{}", "hardware"),
        ("{}", "versions"),
        ("commit {}", "commit"),
    )
    texts = [text.format(recipe[key]) for text, key in facts if recipe.get(key) not in (None, "")]
    return f"<li>{escape(title)}: <code>{escape(str(recipe['command']))}</code> ({escape('; '.join(texts))})</li>"


def checkpoint_row(title: str, net: Network) -> str:
    with torch.device("meta"):
        parameters = sum(p.numel() for p in type(net)(**net.arguments).parameters())  # net's own may be folded
    data = dataset_title(net.info.dataset, len(net.info.class_names))
    return (
        f'<tr><th scope="row">{escape(title)}</th><td class="error">{error_text(net)}</td>'
        f"<td>{escape(data)}</td><td>{compatibility_text(net)}</td>"
        f"<td>{net.arguments['width']:g}</td><td>{parameters:,}</td><td>{pictures_seen(net)}</td></tr>"
    )


def pictures_seen(net: Network) -> str:
    """How many pictures it saw in training, all passes together; empty if unknown."""
    count = net.info.recipe.get("images_seen")
    return f"{count:,}" if isinstance(count, int) else ""


def compatibility_text(net: Network) -> str:
    """How a network weighs positions, with the formula where it has one."""
    if net.equation is None:
        return net.map_kind.title
    how = escape(net.equation.source) if net.is_control else words.formula(net.equation.text)
    return f"{net.compatibility}: {how}"


def error_text(net: Network) -> str:
    """The test error with its interval and number of images, as far as they are known."""
    results = net.info.results
    if "error" not in results:
        return "not measured"
    text = f"{100 * results['error']:.2f} %"
    if "interval" in results:
        low, high = (f"{100 * bound:.2f}" for bound in results["interval"])
        text += f" <small>(95 % interval {low} to {high})</small>"
    if "test_images" in results:
        text += f" <small>of {results['test_images']:,} images</small>"
    for title, other in results.get("more_tests", {}).items():
        text += f" <small>on {escape(title)} {100 * other['error']:.2f} %</small>"
    return text


def links(site: Site) -> str:
    items = "".join(
        f'<li><a href="{address}" target="_blank" rel="noopener">{escape(text)}</a></li>'
        for text, address in LINKS.items()
    )
    return f"""<section><h2>More</h2><ul>{items}
<li>For programs: <code>/explain</code>, <code>/compare</code>, <code>/ask</code>, <code>/attack</code>,
<code>/others</code> and <code>/test_images</code>, described under <em>Use via API</em>
at the foot of the page</li>
<li>In this page's address: <code>?checkpoint=</code> {escape(" or ".join(site.networks.families))};
<code>&amp;compat=</code> {" or ".join(name for _, name in site.compatibility_choices())};
<code>&amp;example=</code> an example's name, such as cat</li></ul></section>"""
