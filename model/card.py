"""The README.md of a checkpoint, written from its config alone, so that card and config cannot disagree."""

from __future__ import annotations

from collections.abc import Mapping

PAPER = "https://arxiv.org/abs/1804.02391"
FULL_NAMES = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "svhn": "SVHN", "cub": "CUB-200-2011"}


def card(name: str, config: Mapping) -> str:
    """The model card of a checkpoint, with Hub front matter.

    Args:
        name: the checkpoint's name.
        config: the content of its config.json.
    """
    dataset = FULL_NAMES.get(config["dataset"], config["dataset"] or "unknown data")
    results, recipe, arguments = config["results"], config["recipe"], config["arguments"]
    head = ["---", "library_name: pytorch", "pipeline_tag: image-classification", "license: mit"]
    if config["dataset"]:
        head += ["datasets:", f"- {config['dataset']}"]
    head += ["metrics:", "- accuracy", "tags:", "- attention", "- vgg", "- explainability"]
    if "error" in results:
        head += [
            "model-index:",
            f"- name: {name}",
            "  results:",
            "  - task:",
            "      type: image-classification",
            "    dataset:",
            f"      name: {dataset}",
            f"      type: {config['dataset']}",
            "      split: test",
            "    metrics:",
            "    - type: accuracy",
            f"      value: {1 - results['error']:.4f}",
        ]
    lines = [*head, "---", "", f"# {name}", "", describe(config["architecture"], arguments, dataset), ""]
    if "error" in results:
        lines += [
            f"**Test error: {100 * results['error']:.2f} %** on all {results['test_images']:,} test images of {dataset}, "
            "measured once, after training; the test images chose nothing.",
            "",
        ]
    if recipe.get("command"):
        lines += ["Made by", "", f"    {recipe['command']}", ""]
    facts = [f"{label}: {recipe[key]}" for key, label in RECIPE_FACTS.items() if recipe.get(key) not in (None, "")]
    lines += [*(f"- {fact}" for fact in facts), ""] if facts else []
    lines += [
        "## Use",
        "",
        "    from model import AttentionVGG",
        f'    net = AttentionVGG.from_pretrained("{name}")',
        "    logits, attention = net(images)  # each map sums to 1 over its positions",
        "",
        f"The paper: Jetley, Lord, Lee, Torr, [Learn To Pay Attention]({PAPER}), ICLR 2018. A map highlights where the",
        "attended features were taken from; it is not a proof of why the class was chosen.",
        "",
    ]
    return "\n".join(lines)


RECIPE_FACTS = {
    "name": "recipe",
    "train_images": "training images",
    "images_seen": "images seen, all passes",
    "hours": "hours of training",
    "hardware": "hardware",
    "precision": "precision",
    "versions": "versions",
    "commit": "commit",
    "seed": "seed",
}


def describe(architecture: str, arguments: Mapping, dataset: str) -> str:
    """One paragraph: what the network is."""
    text = f"{architecture}, trained from scratch on {dataset}, width {arguments.get('width', 1.0):g} (1 is the paper's)."
    if arguments.get("compatibility"):
        text += (
            f" Attention at {', '.join(arguments['levels'])}, compatibility {arguments['compatibility']}, "
            f"head {arguments['head']}."
        )
        if arguments["compatibility"] == "dp":
            scaled = arguments.get("scale_scores", True)
            text += " Scores are <l, g> / sqrt(channels)." if scaled else " Scores are <l, g>, as in the paper."
    return text
