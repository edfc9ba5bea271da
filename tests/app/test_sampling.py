"""Test images: against CIFAR-10's own files and direct calls of the network; where there are no data, a sentence."""

import base64
import io
import json
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from app import sampling
from app.networks import Networks
from app.sampling import DrawError, draw
from app.tabs.test_images import gallery
from model import AttentionVGG, Info
from model.presets import normalise, to_pixels
from tests.app.serving import CIFAR10, FAMILY, make_checkpoints
from tests.app.test_api import (
    client,  # noqa: F401 - a fixture
)
from tests.app.test_main import refusal
from tests.conftest import REPO

MISSING = sampling.MISSING.format(title="CIFAR-10", fetch=sampling.FETCH)


@pytest.fixture(scope="module")
def tests(data_dir) -> sampling.CifarTest:
    return sampling.CifarTest(data_dir)


@pytest.fixture(scope="module")
def batch(data_dir) -> dict:
    """The test split as its own file has it: b"data" uint8 [10000, 3072], planes of red, green, blue; b"labels"."""
    with (data_dir / "cifar-10-batches-py" / "test_batch").open("rb") as f:
        return pickle.load(f, encoding="bytes")


def pixels(batch: dict, index: int) -> np.ndarray:
    return batch[b"data"][index].reshape(3, 32, 32).transpose(1, 2, 0)


def directly(networks: Networks, compatibility: str, picture: Image.Image) -> tuple[str, float]:
    """The network's answer to one picture alone."""
    net = networks.network(FAMILY, compatibility)
    with torch.inference_mode():
        logits, _ = net(normalise(to_pixels(picture)[None], net.info.mean, net.info.std))
    p = logits.double().softmax(1)[0]
    return net.info.class_names[int(p.argmax())], float(p.max())


@pytest.mark.parametrize("which", ["random", "wrong"])
@pytest.mark.parametrize("compatibility", ["dp", "pc"])
def test_pictures_labels_and_answers_are_real(networks, tests, batch, which, compatibility):
    sample = draw(networks, tests, FAMILY, compatibility, which, seed=7)
    assert len(sample.images) == 12 and len({i.index for i in sample.images}) == 12
    for image in sample.images:
        assert np.array_equal(np.asarray(image.picture), pixels(batch, image.index))
        assert image.label == tests.split.classes[batch[b"labels"][image.index]]
        name, probability = directly(networks, compatibility, image.picture)
        assert image.answer == name and image.probability == pytest.approx(probability, abs=1e-5)
        assert image.right == (name == image.label)
        explained = networks.explain(image.picture, FAMILY, compatibility)  # what a click on it shows
        assert explained.answer == name and explained.probabilities[name] == pytest.approx(probability, abs=1e-5)
    if which == "wrong":
        assert not any(i.right for i in sample.images)


def test_classes_are_the_published_ones(tests):
    assert tests.label(0) == "cat" and tests.label(1) == "ship" and len(tests) == 10_000


def test_wrong_draws_every_misclassified_picture_that_was_looked_through(networks, tests):
    wrong = draw(networks, tests, FAMILY, "dp", "wrong", count=70, seed=3)
    everything = draw(networks, tests, FAMILY, "dp", "random", count=100, seed=3)
    assert wrong.looked_through > 70  # this network is right sometimes: the test can fail
    expected = [i.index for i in everything.images[: wrong.looked_through] if not i.right]
    assert [i.index for i in wrong.images][: len(expected)] == expected
    assert wrong.summary == f"70 misclassified among the first {wrong.looked_through} drawn."
    assert wrong.looked_through <= 100 and len(expected) == 70


def test_a_seed_repeats_a_draw_and_another_does_not(networks, tests):
    first, same, other = (draw(networks, tests, FAMILY, "dp", seed=s) for s in (5, 5.0, 6))
    assert first == same
    assert {i.index for i in first.images} != {i.index for i in other.images}
    assert [i.index for i in first.images] == [7054, 442, 3954, 2288, 3196, 6178, 8351, 5658, 2065, 413, 8594, 1805]


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"count": 0}, "from 1 to 100"),
        ({"count": 101}, "from 1 to 100"),
        ({"count": 2.5}, "whole number"),
        ({"count": "many"}, "whole number"),
        ({"count": None}, "whole number"),
        ({"count": True}, "whole number"),
        ({"seed": -1}, "The seed must be"),
        ({"seed": 2**32}, "The seed must be"),
        ({"seed": float("nan")}, "whole number"),
        ({"which": "right"}, "random and wrong"),
    ],
)
def test_bad_values_get_a_sentence(networks, tmp_path, options, sentence):
    with pytest.raises(DrawError, match=sentence) as refused:
        draw(networks, sampling.CifarTest(tmp_path), FAMILY, "dp", **options)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize("index", [-1, 10_000, "7", None, 1.5])
def test_there_is_no_such_picture(tests, index):
    with pytest.raises(DrawError, match="from 0 to 9,999"):
        tests.picture(index)


def test_no_data_is_one_sentence_that_says_how_to_get_them(networks, tmp_path):
    tests = sampling.CifarTest(tmp_path / "nowhere")
    with pytest.raises(DrawError) as refused:
        draw(networks, tests, FAMILY, "dp")
    sentence = str(refused.value)
    assert sentence == MISSING and str(tmp_path) not in sentence and sentence.count(". ") == 0
    assert sampling.FETCH in (REPO / "README.md").read_text()  # the README's own way


def test_a_folder_that_is_not_there_is_refused_when_the_page_starts(tmp_path):
    assert "cifar-10-batches-py" in refusal("--data", str(tmp_path / "nowhere"))


def test_damaged_data_get_a_sentence(networks, tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "test_batch").write_bytes(b"\x80")
    with pytest.raises(DrawError, match="damaged or incomplete") as refused:
        draw(networks, sampling.CifarTest(tmp_path), FAMILY, "dp")
    assert str(tmp_path) not in str(refused.value)


def test_data_put_there_later_are_found(networks, data_dir, tmp_path):
    tests = sampling.CifarTest(tmp_path)
    with pytest.raises(DrawError):
        len(tests)
    (tmp_path / "cifar-10-batches-py").symlink_to(data_dir.resolve() / "cifar-10-batches-py")
    assert len(draw(networks, tests, FAMILY, "dp", count=1).images) == 1


def test_another_data_set_is_not_drawn_from(tmp_path):
    make_checkpoints(tmp_path, ("dp",))
    config = tmp_path / "vgg-att3-dp-cifar10-s" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "dataset": "svhn"}))
    with pytest.raises(
        DrawError, match="trained on SVHN, and test pictures are drawn from CIFAR-10 and CIFAR-100 only"
    ):
        draw(Networks.load(tmp_path), sampling.CifarTest(tmp_path), FAMILY, "dp")


def trained_on(dataset: str, names: tuple[str, ...], more_tests: dict | None = None) -> Networks:
    torch.manual_seed(0)
    net = AttentionVGG(num_classes=len(names), width=0.05)
    net.info = Info(class_names=names, dataset=dataset, results={"error": 0.3, "more_tests": more_tests or {}})
    return Networks({"x": {"dp": net.eval()}})


def test_a_checkpoint_of_cifar100_is_shown_its_own_test_pictures(data_dir):
    if not (data_dir / "cifar-100-python" / "test").is_file():
        pytest.skip("CIFAR-100 is not there; to get it: make data DATASET=CIFAR100")
    with (data_dir / "cifar-100-python" / "test").open("rb") as f:
        batch = pickle.load(f, encoding="bytes")
    with (data_dir / "cifar-100-python" / "meta").open("rb") as f:
        names = tuple(pickle.load(f)["fine_label_names"])
    sample = draw(trained_on("cifar100", names), sampling.CifarTest(data_dir), "x", "dp", count=5, seed=2)
    for image in sample.images:
        assert np.array_equal(np.asarray(image.picture), pixels(batch, image.index))
        assert image.label == names[batch[b"fine_labels"][image.index]]
    assert sample.test_error == 0.3 and "Pictures of CIFAR-100. Test error 30.0 %." in gallery(sample)


def test_a_checkpoint_of_photographs_is_shown_those_of_cifar10_with_its_error_on_them(tests):
    networks = trained_on("photos", (*CIFAR10, "monkey"), {"CIFAR-10": {"error": 0.07}})
    assert "Pictures of CIFAR-10. Test error 7.0 %." in gallery(draw(networks, tests, "x", "dp", count=1))


def test_without_cifar100_a_sentence_says_how_to_get_it(tmp_path):
    with pytest.raises(DrawError, match="test pictures of CIFAR-100 are not .* “make data DATASET=CIFAR100”"):
        draw(trained_on("cifar100", ("a", "b")), sampling.CifarTest(tmp_path), "x", "dp")


def test_the_page_tells_right_from_wrong_in_words(networks, tests):
    page = gallery(draw(networks, tests, FAMILY, "dp", count=40, seed=1))
    sample = draw(networks, tests, FAMILY, "dp", count=40, seed=1)
    right = sum(i.right for i in sample.images)
    assert 0 < right < 40
    assert page.count("✓ right") == right and page.count("✗ wrong") == 40 - right
    assert f"40 drawn at random from 10,000: {right} classified correctly." in page
    assert page.count("<button type=") == page.count('alt="Test picture ') == 40


@pytest.mark.parametrize("which", ["random", "wrong"])
def test_api(client, networks, tests, which):  # noqa: F811
    if tests.folder.resolve() != sampling.FOLDER.resolve():
        pytest.skip("CIFAR-10 is in $DATA_DIR, and the page of this test looks into data/")
    answer = client.predict(
        which=which, count=3, seed=11, checkpoint=FAMILY, compatibility="pc", api_name="/test_images"
    )
    numbers = client.predict(
        which=which, count=3, seed=11, checkpoint=FAMILY, compatibility="pc", pictures=False, api_name="/test_images"
    )
    assert numbers["images"] == [{k: v for k, v in row.items() if k != "picture"} for row in answer["images"]]
    sample = draw(networks, tests, FAMILY, "pc", which, 3, 11)
    assert (answer["seed"], answer["which"], answer["looked_through"]) == (11, which, sample.looked_through)
    assert answer["summary"] == sample.summary
    for row, image in zip(answer["images"], sample.images, strict=True):
        assert (row["index"], row["label"], row["class"]) == (image.index, image.label, image.answer)
        assert row["probability"] == pytest.approx(image.probability, abs=1e-5)
        with Image.open(io.BytesIO(base64.b64decode(row["picture"].partition(",")[2]))) as file:
            assert np.array_equal(np.asarray(file), np.asarray(image.picture))


def test_api_refuses_in_a_sentence(client):  # noqa: F811
    from gradio_client.exceptions import AppError

    call = {"checkpoint": FAMILY, "compatibility": "dp", "api_name": "/test_images"}
    for bad, sentence in (
        ({"count": 0}, "from 1 to 100"),
        ({"seed": -1}, "The seed must be"),
        ({"seed": "x"}, "The seed must be"),
        ({"which": "right"}, "random and wrong"),
        ({"compatibility": "additive"}, "no weights for that checkpoint"),
    ):
        with pytest.raises(AppError, match=sentence):
            client.predict(**{"which": "random", "count": 1, "seed": 0, **call, **bad})
