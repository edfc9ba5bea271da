"""Checkpoints with random weights, and the page served by its own command: for the tests of the page."""

import os
import subprocess
import time
import urllib.request
from pathlib import Path

import torch

from app.server import address
from model import AttentionVGG, Info
from model.pictures import read_picture
from model.presets import network_input, square_pixels
from tests.conftest import REPO
from tools.browser import free_port

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
HUNDRED = tuple(f"small_kind_{k:02}" for k in range(100))  # written as CIFAR-100 writes its names
EXAMPLES = REPO / "assets" / "examples"
FAMILY = "vgg-att3-cifar10-s"


def make_checkpoints(folder: Path, compatibilities=("dp", "pc"), sharpness: float = 30.0) -> Path:
    """Random networks; their scores are multiplied so that the maps have peaks, as trained ones do."""
    info = Info(
        class_names=CIFAR10,
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.247, 0.2435, 0.2616),
        dataset="cifar10",
        results={"error": 0.1, "test_images": 10000, "sides": {"32": 0.1, "48": 0.12, "64": 0.14}},
    )
    for seed, compatibility in enumerate(compatibilities):
        torch.manual_seed(seed)
        net = AttentionVGG(width=0.25, compatibility=compatibility)
        with torch.no_grad():
            for score in net.score.values():
                if hasattr(score, "u"):
                    score.u.weight.mul_(sharpness)
            if compatibility == "dp":
                net.global_branch.fc1.weight.mul_(sharpness)
            for part in net.classifier.weight.split([64, 128, 128], dim=1):
                part.mul_(10)
        if compatibility == "dp":
            net = find_examples(net.eval(), info)
        net.save_pretrained(folder / f"vgg-att3-{compatibility}-cifar10-s", info)
    return folder


def make_hundred_classes(folder: Path) -> Path:
    """Random networks of a hundred classes: dp, which can be asked for each by its name, and pc."""
    info = Info(class_names=HUNDRED, mean=(0.5,) * 3, std=(0.25,) * 3, dataset="cifar100")
    torch.manual_seed(0)
    for compatibility in ("dp", "pc"):
        net = AttentionVGG(num_classes=100, width=0.05, compatibility=compatibility)
        if compatibility == "dp":
            net = net.with_class_questions(torch.randn(100, net.global_branch.fc1.out_features))
        net.save_pretrained(folder / f"vgg-att3-{compatibility}-cifar100-s", info)
    return folder


def find_examples(net: AttentionVGG, info: Info) -> AttentionVGG:
    """The network with a question for each class that finds its example in a scene, though the weights are random.

    A question is a linear rule that tells conv13's local features of that example from those of the others.
    """
    net.info = info
    pictures = [square_pixels(read_picture(EXAMPLES / f"{name}.png"), 32) for name in info.class_names]
    with torch.inference_mode():
        l = net.local_features(network_input(net, torch.stack(pictures)))["conv13"].flatten(2)  # [K, C, 64]
    rows = l.transpose(1, 2).flatten(0, 1).double()  # [K * 64, C]
    target = torch.eye(len(pictures), dtype=torch.float64).repeat_interleave(l.shape[2], 0)
    centred = rows - rows.mean(0)
    spread = centred.T @ centred
    spread += 1e-4 * spread.diagonal().mean() * torch.eye(len(spread), dtype=torch.float64)
    rules = torch.linalg.solve(spread, centred.T @ target).T  # [K, C]
    return net.with_class_questions(150 * rules.float())  # a softmax of <l, g> / sqrt(C): sharp


class Server:
    """The page, served by its own command in another process."""

    def __init__(self, command: list[str], folder: Path, cwd: Path | None = None, **environment: str):
        self.port, self.log = free_port(), folder / "log"
        self.url = address.url(environment.get("GRADIO_SERVER_NAME", "127.0.0.1"), self.port)
        given = environment
        environment = {**os.environ, "GRADIO_TEMP_DIR": str(folder / "gradio"), "OMP_NUM_THREADS": "1"}
        environment |= {"GRADIO_SERVER_PORT": str(self.port), "HTTP_PROXY": "http://127.0.0.1:9"}
        environment.pop("PYTHONPATH", None)
        environment |= given
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                env=environment,
                stdout=log,
                stderr=log,
                cwd=cwd or folder,
            )
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise

    def wait(self) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for _ in range(1800):
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended: {self.log.read_text()}")
            try:
                with opener.open(f"{self.url}/config", timeout=5) as answer:
                    assert answer.status == 200
                    return
            except OSError:
                time.sleep(0.2)
        raise RuntimeError(f"the server does not answer: {self.log.read_text()}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
