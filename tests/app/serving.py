"""Checkpoints with random weights, and the page served by its own command: for the tests of the page."""

import os
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

import torch

from app.server import address
from model import AttentionVGG, Info
from tools.browser import free_port

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FAMILY = "vgg-att3-cifar10-s"


def make_checkpoints(folder: Path, compatibilities=("dp", "pc"), sharpness: float = 30.0) -> Path:
    """Random networks; their scores are multiplied so that the maps have peaks, as trained ones do."""
    info = Info(
        class_names=CIFAR10,
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.247, 0.2435, 0.2616),
        dataset="cifar10",
        results={"error": 0.1, "test_images": 10000},
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
        net.save_pretrained(folder / f"vgg-att3-{compatibility}-cifar10-s", info)
    return folder


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
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore it
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
