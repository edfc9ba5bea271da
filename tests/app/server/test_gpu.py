"""bfloat16, warming up, and a stand-in for the ``spaces`` package, which is only installed in a Space."""

import dataclasses
import re
import sys

import pytest
import torch

import app.networks
from app.networks import Networks
from app.server import gpu
from tests.app.serving import FAMILY, Server
from tests.app.test_api import assert_same
from tests.conftest import REPO

# what ZeroGPU does with a decorated function: it is called in a fork of the process, its arguments and answer pickled;
# of an error that is raised there only the name comes back
SPACES = """
import os
import pickle

import gradio

def GPU(function):
    def lent(*arguments):
        given = pickle.dumps(arguments)
        print("lent", len(given), flush=True)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                result = function(*pickle.loads(given)), None
            except Exception as e:
                result = None, type(e).__name__
            with os.fdopen(write, "wb") as pipe:
                pickle.dump(result, pipe)
            os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            answer, error = pickle.load(pipe)
        os.waitpid(child, 0)
        if error:
            raise gradio.Error(error)
        return answer
    return lent
"""


def test_elsewhere_nothing_happens():
    assert not gpu.IS_LENT and gpu.on_gpu(len) is len


@pytest.mark.parametrize("native", [True, False])
def test_a_gpu_answers_in_bfloat16_only_where_it_multiplies_it_natively(checkpoints, monkeypatch, native):
    monkeypatch.setattr(app.networks, "multiplies_bfloat16", lambda device: native)
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, *place, **form: self)  # no card is needed
    assert Networks.load(checkpoints, "cuda").bf16 == native
    assert not Networks.load(checkpoints, "cpu").bf16


@pytest.mark.parametrize("compatibility", ["dp", "pc"])
def test_bfloat16_answers_as_float32_does_and_the_split_stays_exact(networks, picture, compatibility):
    half = dataclasses.replace(networks, bf16=True)
    half.warm_up()
    rough, exact = (n.explain(picture, FAMILY, compatibility) for n in (half, networks))
    assert rough.probabilities != exact.probabilities  # it was another precision
    assert rough.probabilities == pytest.approx(exact.probabilities, abs=0.05)
    assert rough.logit == pytest.approx(rough.logit_bias + sum(x.logit for x in rough.levels.values()), abs=1e-9)
    for level in rough.levels.values():
        assert level.attention.sum() == pytest.approx(1, abs=1e-6)


def test_answers_and_refusals_come_back_from_a_lent_gpu(checkpoints, networks, picture, picture_file, tmp_path):
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    (tmp_path / "spaces.py").write_text(SPACES)
    command = [sys.executable, str(REPO / "app" / "__main__.py"), "--checkpoints", str(checkpoints), "--device", "cpu"]
    server = Server(command, tmp_path, SPACES_ZERO_GPU="true", PYTHONPATH=str(tmp_path))
    try:
        client = Client(server.url, verbose=False, download_files=tmp_path)
        image = handle_file(picture_file)
        answer, *_ = client.predict(image=image, checkpoint=FAMILY, compatibility="pc", api_name="/explain")
        assert_same(answer, networks.explain(picture, FAMILY, "pc").to_json())
        for name in ("/compare", "/attack", "/others"):
            client.predict(image=image, api_name=name)
        client.predict(image=image, question=image, api_name="/ask")
        sizes = [int(size) for size in re.findall(r"^lent (\d+)$", server.log.read_text(), re.MULTILINE)]
        assert len(sizes) == 5 and max(sizes) < 1_000_000  # pictures, and no network
        bad = tmp_path / "bad.png"
        bad.write_bytes(b"\x89PNG" + bytes(99))
        with pytest.raises(AppError, match="This file is not a picture that can be read"):
            client.predict(image=handle_file(bad), api_name="/explain")
        with pytest.raises(AppError, match="no weights for that checkpoint"):
            client.predict(image=image, compatibility="cosine", api_name="/attack")
        with pytest.raises(AppError, match="must be a whole number"):
            client.predict(count=0, api_name="/test_images")
    finally:
        server.stop()
