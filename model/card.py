"""The README.md of a checkpoint, written from its config alone, so that card and config cannot disagree."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from model.datasets import dataset_title, hub_id, title_of_test
from model.format import shipped_folder
from model.map_kinds import MapKind
from model.networks.attention import Equation

PAPER = "https://arxiv.org/abs/1804.02391"
DATASET_TYPE = re.compile("(?:[A-Za-z0-9_-]+/)?[A-Za-z0-9_.-]+")  # the Hub's rule
NUMBER = re.compile(r"(?m)(: )(\d[\d_.]*e\d+|0o[0-7]+)$", re.IGNORECASE)  # in the YAML of the Hub, not in Python's
RECIPE_FACTS = {
    "name": "recipe",
    "train_images": "training images",
    "images_seen": "images seen, all passes",
    "hours": "hours of training",
    "hardware": "hardware",
    "precision": "precision",
    "versions": "versions",
    "commit": "commit of the code",
    "seed": "seed",
}


def card(
    name: str,
    config: Mapping,
    maps: MapKind,
    equation: Equation | None = None,
    pictures: Mapping[str, str] | None = None,
) -> str:
    """The model card of a checkpoint, with Hub front matter.

    Args:
        name: the checkpoint's name, or its Hub id, "user/repo".
        config: the content of its config.json.
        maps: what the network returns beside the logits.
        equation: how it scores positions, where it does.
        pictures: what to show, {file beside the card: what it is}.

    Returns:
        Markdown behind a YAML head; the head has a model-index where a test error was measured.
    """
    results, recipe = config["results"], config["recipe"]
    data = config["dataset"], len(config["class_names"])
    trained_on = dataset_title(*data) if config["dataset"] else ""
    facts = {label: recipe.get(key) for key, label in RECIPE_FACTS.items()}
    careful = " A map highlights where the attended features lie. It does not prove why a class was chosen."
    parts = [
        f"---\n{front_matter(name, config)}\n---",
        f"# {name}",
        describe(config["architecture"], config["arguments"], trained_on, recipe.get("start"), equation),
        measurement(results, dataset_title(*data), title_of_test(*data)),
        questions(results),
        *(f"![{text}]({file})\n\n{text}" for file, text in (pictures or {}).items()),
        "## Use",
        "In the folder of the code that trained it:",
        usage(name, config["architecture"], maps),
        f"Images are normalised by `net.info.mean` and `net.info.std`, at {config['input_size']} x "
        f"{config['input_size']} pixels; the classes are `net.info.class_names`." + (careful if maps.contract else ""),
        "## Training" if recipe else "",
        f"    {recipe['command']}" if recipe.get("command") else "",
        "\n".join(f"- {label}: {fact}" for label, fact in facts.items() if fact not in (None, "")),
        "config.json holds the whole recipe." if recipe else "",
        "## The paper",
        f"Jetley, Lord, Lee, Torr: [Learn To Pay Attention]({PAPER}), ICLR 2018.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def front_matter(name: str, config: Mapping) -> str:
    """The card's YAML head, as the Hub reads it.

    Raises:
        ValueError: the Hub would refuse it.
    """
    from huggingface_hub import EvalResult, ModelCardData

    dataset, results = config["dataset"], config["results"]
    evaluations = []
    if "error" in results:
        result = EvalResult(
            task_type="image-classification",
            dataset_type=hub_id(dataset) or plain(dataset_title(dataset)),
            dataset_name=title_of_test(dataset, len(config.get("class_names", ()))),
            dataset_split="test",
            metric_type="accuracy",
            metric_value=round(1 - results["error"], 4),
        )
        evaluations = [result]
    for result in evaluations:
        if not DATASET_TYPE.fullmatch(result.dataset_type) or not result.dataset_name or not name.strip():
            raise ValueError(
                f"the Hub does not accept the names {name!r} and {dataset!r} of checkpoint and data set: rename them"
            )
    data = ModelCardData(
        library_name="pytorch",
        pipeline_tag="image-classification",
        license="mit",
        datasets=[hub_id(dataset)] if hub_id(dataset) else None,
        metrics=["accuracy"],
        tags=["attention", "explainability", config["architecture"].lower()],
        model_name=name if evaluations else None,
        eval_results=evaluations or None,
    )
    return NUMBER.sub(r"\1'\2'", data.to_yaml().strip())  # a data set may be called 1e3


def plain(title: str) -> str:
    """A title in the letters that the Hub takes for a data set's type: ASCII, without accents, never empty."""
    letters = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub("[^A-Za-z0-9_.-]+", "-", letters).strip("-") or "pictures"


def measurement(results: Mapping, dataset: str, test_split: str) -> str:
    """The measured error, and how it was measured: on ``test_split``, or on pictures of ``dataset`` held out."""
    if "error" in results:
        count = f"all {results['test_images']:,} " if "test_images" in results else "the "
        text = f"**Test error: {100 * results['error']:.2f} %** on {count}test images of {test_split}"
        if "interval" in results:
            low, high = (100 * v for v in results["interval"])
            text += f" (95 % interval {low:.2f} to {high:.2f})"
        chosen = results.get("selection", "No setting was chosen on the test images.")
        when = "" if "held_out_error" in results else ", after the last epoch"  # best/ is of an earlier one
        text += f": one view of each image, computed in float32{when}. {chosen}"
        if "calibration" in results:
            text += f" Expected calibration error: {100 * results['calibration']:.2f} %."
        if "rounded_to" in results:
            order = (
                "before the error was measured" if results.get("rounded_before") else "after it, and not measured again"
            )
            text += f" The weights were rounded to {results['rounded_to']} {order}."
        for title, other in results.get("more_tests", {}).items():
            text += f" On all {other['test_images']:,} test images of {title}: {100 * other['error']:.2f} %."
        return text
    if "held_out_error" in results:
        count = f"{results['held_out_images']:,} " if "held_out_images" in results else ""
        return (
            f"**Error: {100 * results['held_out_error']:.2f} %** on {count}images held out of {dataset}'s training "
            "split. The test split was not looked at."
        )
    return ""


def questions(results: Mapping) -> str:
    """What was measured by asking composed scenes, and the errors at other sides."""
    parts = []
    if results.get("sides"):
        errors = ", ".join(f"{100 * error:.2f} % at {side} px" for side, error in results["sides"].items())
        count = f" on {results['sides_images']:,} test images" if "sides_images" in results else ""
        parts.append(f"Error{count} by the side that the network reads: {errors}.")
    if rows := results.get("ask"):
        levels = list(rows[0]["shares"])
        scenes = f"{rows[0]['pictures']:,} scenes of each kind"
        parts += [
            f"## Questions\n\nThere are {scenes}, composed of test pictures of different classes. The question is "
            "another test picture of a class in the scene, or the class's name. The table gives the share of each "
            "level's map on the picture that was asked for (the grid pointing game, GridPG). Named: how often the "
            "answer is that class. Absent class named: the same for a class that is not in the scene. AUROC: of the "
            "class's probability, present against absent.",
            f"| scene | chance | question | {' | '.join(levels)} | named | absent class named | AUROC |\n"
            + "|---|--:|---|"
            + "--:|" * (len(levels) + 3),
        ]
        for row in rows:
            a, b = row["grid"]
            shares = " | ".join(f"{row['shares'][level]:.3f}" for level in levels)
            rate, absent = (
                "" if row.get(key) is None else f"{100 * row[key]:.1f} %" for key in ("named", "absent_named")
            )
            auroc = "" if row.get("auroc") is None else f"{row['auroc']:.3f}"
            line = f"| {a} x {b} | {1 / (a * b):.2f} | {row['question']} | {shares} | {rate} | {absent} | {auroc} |"
            parts[-1] += f"\n{line}"
    return "\n\n".join(parts)


def usage(name: str, architecture: str, maps: MapKind) -> str:
    """Lines that load the checkpoint: a Hub id and the name of a shipped checkpoint load by name, others by folder."""
    where = name if "/" in name or shipped_folder(name) else f"path/to/{name}"
    comment = f"  # {maps.contract}" if maps.contract else ""
    lines = [
        f"from model import {architecture}",
        f'net = {architecture}.from_pretrained("{where}")',
        f"logits, {maps.variable} = net(images){comment}",
    ]
    return "\n".join(f"    {line}" for line in lines)


def describe(
    architecture: str, arguments: Mapping, dataset: str, start: str | None = None, equation: Equation | None = None
) -> str:
    """One paragraph: what the network is, and where ``dataset`` is not empty what it was trained on."""
    origin = f"trained on {dataset}, starting from {start}, " if start else f"trained from scratch on {dataset}, "
    text = f"{architecture}, {origin if dataset else ''}width {arguments['width']:g} (1 is the paper's)."
    if equation:
        text += (
            f" Attention at {', '.join(arguments['levels'])}, compatibility {arguments['compatibility']}, "
            f"head {arguments['head']}. The score of position i is {equation.text} ({equation.source})."
        )
        if not arguments["global_branch"]:
            text += " The global branch, which cannot change its answers, is left out."
    return text
