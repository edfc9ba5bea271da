"""Publishing a run on the Hugging Face Hub.

    python -m training push runs/dp user/repo

One commit: model.safetensors, config.json, settings.json, metrics.jsonl, curves.png, confusion.png, maps.png (the
attention on the illustrated scenes, drawn now), TensorBoard events, and README.md where the repository has none. It is
made whole or not at all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from model.format import CARD, CONFIG, WEIGHTS, CheckpointError
from model.hub import by_proxy
from model.network import Network
from model.pictures import BadPicture, read_picture
from model.presets import crop_square, network_input, to_pixels
from training import plots
from training.data.objects import EXAMPLES, SCENES
from training.provenance import without_place
from training.run_folder import CONFUSION, CURVES, METRICS, SETTINGS

FROM_RUN = (CONFIG, WEIGHTS, SETTINGS, METRICS, CURVES, CONFUSION)
MAPS, TILE = "maps.png", 96  # pixels
CARD_FIGURES = {
    CURVES: "Loss and error by epoch.",
    CONFUSION: "Confusion matrix on the test split.",
    MAPS: "What each level's map highlights, on illustrated scenes; each map on its own scale.",
}


class PushError(ValueError):
    """A run that could not be published; the message is one sentence."""


@dataclass(frozen=True)
class PushResult:
    """Where the commit is, and whether the repository's own README.md was left as it was."""

    url: str
    kept_card: bool

    def __str__(self) -> str:
        note = f"\nits own {CARD} was kept; --overwrite-readme replaces it" if self.kept_card else ""
        return f"{self.url}{note}"


def push(run: str | Path, repo: str, private: bool = False, overwrite_card: bool = False) -> PushResult:
    """Publishes a run (or any checkpoint folder) as one commit on main; creates the repository if there is none.

    Args:
        run: the folder.
        repo: "user/repo".
        private: make the repository private; an existing public one is refused.
        overwrite_card: replace a README.md that the repository has already.

    Raises:
        PushError: ``run`` is no run, ``repo`` is not a valid name or is someone else's, there is no token, the Hub
            refuses, or the connection breaks.
    """
    from huggingface_hub import CommitOperationAdd, HfApi, get_token

    run = Path(run).expanduser()
    net = read_run(run)
    check_name(repo)
    if not get_token():
        raise PushError("the Hub needs a token that may write: run `hf auth login`, or set HF_TOKEN")
    files = gather(run, net)
    figures = {name: text for name, text in CARD_FIGURES.items() if name in files}
    files[CARD] = net.card(repo, figures).encode()
    api = HfApi()
    try:
        api.create_repo(repo, private=private or None, exist_ok=True)
        there = api.model_info(repo)
        if private and not there.private:
            raise PushError(f"{repo} already exists and is public: make it private on the Hub, or leave out --private")
        kept_card = not overwrite_card and any(file.rfilename == CARD for file in there.siblings or ())
        if kept_card:
            del files[CARD]
        operations = [CommitOperationAdd(name, content) for name, content in files.items()]
        commit = api.create_commit(repo, operations, commit_message=message(net))
    except PushError:
        raise
    except Exception as e:  # the client raises many kinds
        raise PushError(refusal(e, repo)) from e
    return PushResult(commit.commit_url, kept_card)


def check_name(repo: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repo)
        valid = repo.count("/") == 1
    except HFValidationError:
        valid = False
    if not valid:
        raise PushError(
            f"{repo!r} is not the name of a repository: write user/name, in letters, digits, '-', '_' and '.'"
        )


def read_run(run: Path) -> Network:
    """The run's network, loaded strictly so that nothing broken is published."""
    if not run.is_dir():
        raise PushError(f"there is no folder {run}")
    try:
        return Network.from_pretrained(run)
    except CheckpointError as e:
        raise PushError(f"{run} cannot be pushed: {e}") from e


def gather(run: Path, net: Network) -> dict[str, bytes]:
    """The files that are published besides the card, {path in the repository: content}."""
    events = [str(f.relative_to(run)) for f in sorted(run.rglob("events.out.tfevents.*"))]
    names = [name for name in (*FROM_RUN, *events) if (run / name).is_file()]
    try:
        files, maps = {name: (run / name).read_bytes() for name in names}, None
        # by name: an operator of the page may have put other pictures into the folder
        pixels = read_scenes(net, [EXAMPLES / f"{name}.png" for name in SCENES])
    except (OSError, BadPicture) as e:
        why = getattr(e, "strerror", None) or f"it is {e}"
        raise PushError(f"a file of {run} or of {EXAMPLES} cannot be read: {why}") from e
    with plots.extra(MAPS):
        maps = draw_maps(net, pixels)
    if SETTINGS in files:
        files[SETTINGS] = remove_places(files[SETTINGS])
    return {**files, MAPS: maps} if maps else files


def remove_places(settings: bytes) -> bytes:
    """settings.json with only the last part of the paths of its data set and of the checkpoint to start from.

    Raises:
        PushError: it is damaged.
    """
    try:
        values = json.loads(settings)
        places = {k: without_place(values[k]) for k in ("dataset", "start") if k in values}
        return (json.dumps(values | places, indent=1) + "\n").encode()
    except (TypeError, ValueError) as e:
        raise PushError(f"{SETTINGS} of the run is damaged") from e


def message(net: Network) -> str:
    error = net.info.results.get("error")
    error_text = f", test error {100 * error:.2f} %" if error is not None else ""
    return f"{type(net).__name__} on {net.info.dataset or 'unknown data'}{error_text}"


def read_scenes(net: Network, files: list[Path]) -> torch.Tensor:
    """Pictures at the network's size, uint8 [N, 3, S, S]."""
    return torch.stack([to_pixels(crop_square(read_picture(f), net.arguments["input_size"])) for f in files])


def draw_maps(net: Network, pixels: torch.Tensor) -> bytes | None:
    """A PNG with a column for each picture of ``pixels`` [N, 3, S, S]: the answer, and each level's map over it.

    None where the network has no maps.
    """
    import matplotlib

    with torch.inference_mode():
        logits, attention = net(network_input(net, pixels))
    if not attention:
        return None
    probability, answer = logits.softmax(1).max(1)
    names = net.info.class_names or [str(k) for k in range(logits.shape[1])]

    inputs = torch.nn.functional.interpolate(pixels / 255, size=TILE, mode="nearest")  # [N, 3, TILE, TILE]
    rows, grey = [inputs.permute(0, 2, 3, 1)], inputs.mean(1)[..., None]
    for maps in attention.values():
        maps = torch.nn.functional.interpolate(maps[:, None], size=TILE, mode="bilinear")[:, 0]
        low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
        colours = matplotlib.colormaps["inferno"](((maps - low) / (high - low).clamp(min=1e-12)).numpy())[..., :3]
        rows.append(0.4 * grey + 0.6 * torch.from_numpy(colours))
    strip = torch.cat([torch.cat(list(row), dim=1) for row in rows])  # [rows * TILE, N * TILE, 3]

    size = (strip.shape[1] / 100 + 0.6, strip.shape[0] / 100 + 0.3)
    with plots.canvas(names, figsize=size) as (figure, titles):
        ax = figure.subplots()
        ax.imshow(strip.numpy(), interpolation="none")
        ax.set_xticks(
            [TILE * (n + 0.5) for n in range(len(pixels))],
            labels=[f"{titles[k]} {p:.2f}" for k, p in zip(answer.tolist(), probability.tolist(), strict=True)],
            fontsize=7,
            parse_math=False,
        )
        ax.set_yticks([TILE * (row + 0.5) for row in range(len(rows))], labels=["input", *attention], fontsize=8)
        ax.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
        return plots.png(figure)


def refusal(e: Exception, repo: str) -> str:
    """What went wrong while publishing, as one sentence.

    Raises:
        Exception: ``e`` itself, where it is neither an answer of the Hub's nor a broken connection.
    """
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    causes = [e]  # an upload's error comes wrapped
    while following := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(following)
    if any(isinstance(c, OfflineModeIsEnabled) for c in causes):
        return "nothing can be pushed while HF_HUB_OFFLINE is set"
    for answer in (c for c in causes if isinstance(c, HfHubHTTPError)):
        status, lines = answer.response.status_code, (answer.server_message or "").strip().splitlines()
        if status == 401:
            return "the Hub does not accept the token: run `hf auth login` again, or set HF_TOKEN to one that may write"
        if status == 403:
            return f"your token may not write to {repo}: the name is someone else's, or the token can only read"
        if status >= 500:
            return f"the Hub has a fault (status {status}): run the same command again later"
        return f"the Hub refused {repo} with status {status}" + (f": {lines[0]}" if lines else "")
    if any(isinstance(c, (ImportError, ValueError)) and "proxy" in str(c).lower() for c in causes):
        return f"the Hub cannot be reached{by_proxy()}"
    # httpx's errors (httpx2's in newer clients) share no base with ConnectionError; hf_xet raises RuntimeError
    if any(isinstance(c, (ConnectionError, RuntimeError)) or type(c).__module__.startswith("httpx") for c in causes):
        return "the connection to the Hub broke; a commit is made whole or not at all, so run the same command again"
    raise e
