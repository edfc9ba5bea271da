"""About: the equations, the network, and the checkpoints that are served with their measured errors."""

from __future__ import annotations

from html import escape

import gradio as gr

from app.drawing import words
from app.inputs import Front
from app.networks import COMPATIBILITIES, Networks
from app.site import Site
from model import VGGPAN, Network
from model.card import PAPER
from model.datasets import dataset_title
from model.networks.vgg import CHANNELS

BLOCKS = (  # layers, grid at 32 x 32, what happens after
    (range(1, 8), 32, "conv7 gives local features; pool"),
    (range(8, 11), 16, "conv10 gives local features; pool"),
    (range(11, 14), 8, "conv13 gives local features; pool"),
    (range(14, 15), 4, "pool"),
    (range(15, 16), 2, "pool; linear: the global feature g"),
)
LINKS = {
    "the paper, Learn To Pay Attention (ICLR 2018)": PAPER,
    "its author's code": "https://github.com/saumya-jetley/cd_ICLR18_LearnToPayAttention",
    "Bahdanau et al., whose additive score ours follows": "https://arxiv.org/abs/1409.0473",
    "FGSM, Goodfellow et al.": "https://arxiv.org/abs/1412.6572",
    "PGD, Madry et al.": "https://arxiv.org/abs/1706.06083",
    "saliency, Simonyan et al.": "https://arxiv.org/abs/1312.6034",
    "Grad-CAM, Selvaraju et al.": "https://arxiv.org/abs/1610.02391",
    "CAM, Zhou et al.": "https://arxiv.org/abs/1512.04150",
    "CIFAR-10": "https://www.cs.toronto.edu/~kriz/cifar.html",
}
I = "<sub>i</sub>"  # noqa: E741 - the paper's index


def build(tab: gr.Tab, site: Site, front: Front) -> None:
    """Lays the tab out; nothing on it is computed."""
    gr.HTML(f'<div class="about">{equations(site.networks)}{network()}{checkpoints(site.networks)}{links(site)}</div>')


def equations(networks: Networks) -> str:
    """The scores that are served here; dp in the form that its weights were trained with."""
    nets = [pair for family in networks.families.values() for pair in family.items()]
    served = {words.score_name(net): c for c, net in nets}
    scores = "".join(
        f'<li><b>{escape(COMPATIBILITIES[served[name]])}</b><span class="formula">{formula}</span>'
        f"<small>{whose}</small></li>"
        for name, (formula, whose) in words.EQUATIONS.items()
        if name in served
    )
    return f"""<section><h2>How attention is computed</h2>
<p>At up to three layers each position i holds a <em>local feature</em> <i>l{I}</i>; the end of the network gives one
<em>global feature</em> <i>g</i>, projected where a layer has fewer channels than it. A compatibility scores every
position:</p><ul class="scores">{scores}</ul>
<p>A softmax over all positions turns scores into weights that sum to 1, the weights add the local features up, and the
class is read from these sums alone:</p>
<p class="formula steps"><span><i>a{I}</i> = exp <i>c{I}</i> / Σ<sub>j</sub> exp <i>c</i><sub>j</sub></span>
<span><i>g<sub>a</sub></i> = Σ{I} <i>a{I} l{I}</i></span>
<span>logits = bias + Σ<sub>layers</sub> <i>M</i> ReLU(BN(<i>g<sub>a</sub></i>))</span></p>
<p>u, W, V, b and M are learnt, by each layer its own; BN is batch normalisation. So each logit is exactly the bias plus
one term a layer. {words.PC_LIMIT}</p></section>"""


def network() -> str:
    rows = "".join(
        f'<tr><th scope="row">{name(numbers)}</th><td>{channels(numbers)}</td><td>{side} × {side}</td>'
        f"<td>{after}</td></tr>"
        for numbers, side, after in BLOCKS
    )
    return f"""<section><h2>The network</h2>
<p>Fifteen 3 × 3 convolutions, each with batch normalisation and ReLU; channels at width 1, grids at 32 × 32 pixels.</p>
{table("The network's layers", ("Layers", "Channels", "Grid", "Then"), rows)}</section>"""


def table(label: str, columns: tuple[str, ...], rows: str) -> str:
    """A table that scrolls by itself where the screen is narrower."""
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{label}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def name(numbers: range) -> str:
    return f"conv{numbers[0]}" + (f" to conv{numbers[-1]}" if len(numbers) > 1 else "")


def channels(numbers: range) -> str:
    """The channels of consecutive layers: "64, 64, 128 ..."."""
    return ", ".join(str(CHANNELS[n - 1]) for n in numbers)


COLUMNS = ("Name", "Test error", "Data", "Compatibility", "Width", "Parameters", "Pictures seen in training")


def checkpoints(networks: Networks) -> str:
    rows = "".join(checkpoint_row(title, net) for title, net in networks.every.items())
    made = "".join(how_trained(title, net) for title, net in networks.every.items())
    return f"""<section><h2>The checkpoints served here</h2>
<p>Error: the share of all test images that the network names wrong, as measured and stored with its weights. Where two
intervals overlap widely, the errors do not say which network is better; and attention has helped a network to be right
only where it errs clearly less than a control, trained as long, that has none. The controls: uniform weighs all
positions alike, vgg-gap averages its last layer, vgg-global classifies g alone. Width multiplies every channel count;
1 is the paper's.</p>
{table("The checkpoints", COLUMNS, rows)}
<details><summary>How each was trained</summary><ul>{made}</ul></details></section>"""


def how_trained(title: str, net: Network) -> str:
    """The command that trained a network and what it ran on, as far as they are known."""
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
    known = [text.format(recipe[key]) for text, key in facts if recipe.get(key) not in (None, "")]
    return f"<li>{escape(title)}: <code>{escape(str(recipe['command']))}</code> ({escape('; '.join(known))})</li>"


def checkpoint_row(title: str, net: Network) -> str:
    parameters = sum(p.numel() for p in net.parameters())
    return (
        f'<tr><th scope="row">{escape(title)}</th><td class="error">{measured(net)}</td>'
        f"<td>{escape(dataset_title(net.info.dataset))}</td><td>{attends(net)}</td>"
        f"<td>{net.arguments['width']:g}</td><td>{parameters:,}</td><td>{seen(net)}</td></tr>"
    )


def seen(net: Network) -> str:
    """How many pictures it was trained on, each as often as it was shown, where that is known."""
    count = net.info.recipe.get("images_seen")
    return f"{count:,}" if isinstance(count, int) else ""


def attends(net: Network) -> str:
    """How a network weighs positions, with the formula where it has one."""
    if isinstance(net, VGGPAN):
        return "progressive: a sigmoid gate, then a softmax"
    compatibility = net.arguments.get("compatibility", "none")
    if compatibility not in COMPATIBILITIES:
        return {"uniform": "uniform: all alike (a control)", "none": "no attention"}[compatibility]
    return f"{compatibility}: {words.equation(net)[0]}"


def measured(net: Network) -> str:
    """The measured error with its interval and number of images, where they are known."""
    results = net.info.results
    if "error" not in results:
        return "not measured"
    text = f"{100 * results['error']:.2f} %"
    if "interval" in results:
        low, high = (f"{100 * bound:.2f}" for bound in results["interval"])
        text += f" <small>(95 % interval {low} to {high})</small>"
    if "test_images" in results:
        text += f" <small>of {results['test_images']:,} images</small>"
    return text


def links(site: Site) -> str:
    items = "".join(
        f'<li><a href="{address}" target="_blank" rel="noopener">{escape(text)}</a></li>'
        for text, address in LINKS.items()
    )
    return f"""<section><h2>More</h2><ul>{items}
<li>For programs: <code>/explain</code>, <code>/compare</code>, <code>/query</code>, <code>/attack</code>,
<code>/others</code> and <code>/test_images</code>, described under <em>Use via API</em>
at the foot of the page</li>
<li>In this page's address: <code>?checkpoint=</code> {escape(" or ".join(site.networks.families))};
<code>&amp;compat=</code> {" or ".join(name for _, name in site.compatibility_choices())};
<code>&amp;example=</code> an example's name, such as cat</li></ul></section>"""
