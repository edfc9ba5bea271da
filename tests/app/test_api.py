"""The public API as programs use it: gradio_client and plain HTTP, against a running server."""

import base64
import io
import json
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from gradio.data_classes import ImageData
from PIL import Image

import app.ask
import app.networks
from app import ui
from app.inputs import picture_input
from app.server.gradio_patches import BAD_VALUE, uploads_only
from app.site import Site
from tests.app.serving import CIFAR10, FAMILY
from tests.model.test_repairs import odd_files, raw_file

ENDPOINTS = {"/explain", "/compare", "/ask", "/attack", "/others", "/test_images"}

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(url: str) -> bytes:
    with opener.open(url, timeout=60) as answer:
        return answer.read()


def post(url: str, body: bytes, kind: str = "application/json") -> dict:
    request = urllib.request.Request(url, body, {"Content-Type": kind})
    with opener.open(request, timeout=60) as answer:
        return json.loads(answer.read())


def upload(url: str, name: str, content: bytes) -> str:
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return post(f"{url}/gradio_api/upload", body, f"multipart/form-data; boundary={boundary}")[0]


def call(url: str, endpoint: str = "explain", **arguments) -> tuple[str, str]:
    """One call by plain HTTP: the last event's name and its data."""
    address = f"{url}/gradio_api/call/v2/{endpoint}"
    event = post(address, json.dumps(arguments).encode())["event_id"]
    lines = get(f"{address}/{event}").decode().strip().splitlines()
    return lines[-2].removeprefix("event: "), lines[-1].removeprefix("data: ")


def file(path: str) -> dict:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


@pytest.fixture(scope="module")
def client(server, tmp_path_factory):
    from gradio_client import Client

    return Client(server.url, verbose=False, download_files=tmp_path_factory.mktemp("client"))


@pytest.fixture
def expected(networks, picture):
    return {c: networks.explain(picture, FAMILY, c).to_json() for c in ("dp", "pc")}


def assert_same(answer: dict, expected: dict) -> None:
    assert answer["class"] == expected["class"] and answer["compatibility"] == expected["compatibility"]
    assert answer["logit"] == pytest.approx(expected["logit"], abs=1e-3)
    for name, level in expected["levels"].items():
        assert np.allclose(answer["levels"][name]["map"], level["map"], atol=1e-5)


@pytest.mark.parametrize("compatibility", ["dp", "pc"])
def test_gradio_client(client, picture_file, picture, networks, expected, compatibility):
    from gradio_client import handle_file

    answer, *pictures = client.predict(
        image=handle_file(picture_file), checkpoint=FAMILY, compatibility=compatibility, api_name="/explain"
    )
    assert_same(answer, expected[compatibility])
    assert set(answer["probabilities"]) == set(CIFAR10)
    assert len(pictures) == 3
    exact = networks.explain(picture, FAMILY, compatibility).overlays()
    for path, drawn in zip(pictures, exact.values(), strict=True):
        with Image.open(path) as image:
            assert image.format == "JPEG" and image.size == (640, 640)
            assert np.abs(np.asarray(image, int) - np.asarray(drawn, int)).mean() < 1.5
    assert len({Image.open(path).tobytes() for path in pictures}) == 3


def test_only_what_is_documented_is_public(client):
    api = client.view_api(return_format="dict")
    assert set(api["named_endpoints"]) == ENDPOINTS and not api["unnamed_endpoints"]
    explain = api["named_endpoints"]["/explain"]
    assert [p["parameter_name"] for p in explain["parameters"]] == [
        "image",
        "checkpoint",
        "compatibility",
        "side",
        "pictures",
    ]
    assert explain["parameters"][2]["type"]["enum"] == ["", "dp", "pc"]
    own = [FAMILY.replace("att3-", f"att3-{c}-") for c in ("dp", "pc")]
    assert explain["parameters"][1]["type"]["enum"] == [FAMILY, *own]
    assert "shows where each layer looked" in explain["description"]
    assert "http" not in json.dumps(explain["parameters"][0]["example_input"])  # which would be refused


def test_plain_http(server, picture_file, expected):
    path = upload(server.url, "disc.png", picture_file.read_bytes())
    event, data = call(server.url, image=file(path), checkpoint=FAMILY, compatibility="pc")
    assert event == "complete"
    answer, *pictures = json.loads(data)
    assert_same(answer, expected["pc"])
    assert len(pictures) == 3 and get(pictures[0]["url"]).startswith(b"\xff\xd8")


def test_numbers_alone(server, picture_file, expected):
    image = file(upload(server.url, "disc.png", picture_file.read_bytes()))
    for name in ("explain", "attack"):
        event, data = call(server.url, name, image=image, pictures=False)
        _, *pictures = json.loads(data)
        assert event == "complete" and not any(pictures), name
    event, data = call(server.url, image=image, compatibility="dp", pictures=False)
    assert_same(json.loads(data)[0], expected["dp"])


def test_an_answer_in_numbers_prepares_no_drawing(networks, picture_file, monkeypatch):
    """Nor does a question ask for every class, as the page's list of classes does."""

    def draw(*values):
        pytest.fail("a picture of 640 pixels was prepared")

    monkeypatch.setattr(app.networks, "crop_square", draw)
    monkeypatch.setattr(app.ask, "ask_scene_every_class", draw)
    page, content = ui.build(Site(networks)), picture_file.read_bytes()
    for name, values in {
        "explain": [content, FAMILY, "dp", 0, False],
        "compare": [content, FAMILY, 0],
        "attack": [content, FAMILY, "dp", "fgsm", 2, False],
        "ask": [content, content, "", FAMILY, "dp", 0],
    }.items():
        (answer,) = [fn.fn for fn in page.fns.values() if fn.api_name == name]
        assert answer(*values), name


def test_a_side(server, picture_file):
    image = file(upload(server.url, "disc.png", picture_file.read_bytes()))
    event, data = call(server.url, image=image, side=48, pictures=False)
    assert event == "complete" and json.loads(data)[0]["levels"]["conv7"]["grid"] == [48, 48]


def test_many_clients_at_once_each_get_their_own_answer(server, picture, networks):
    """With pictures and without, one request in four hostile."""
    turned = [picture.rotate(15 * i) for i in range(12)]

    def ask(i: int) -> tuple[str, str]:
        content = io.BytesIO()
        turned[i].save(content, "PNG")
        body = b"no picture" if i % 4 == 3 else content.getvalue()
        url = f"data:image/png;base64,{base64.b64encode(body).decode()}"
        return call(server.url, image={"url": url}, compatibility="dp", pictures=i % 2 == 0)

    with ThreadPoolExecutor(12) as threads:
        for i, (event, data) in enumerate(threads.map(ask, range(12))):
            if i % 4 == 3:
                assert event == "error" and "not a picture" in json.loads(data)["error"]
            else:
                assert_same(json.loads(data)[0], networks.explain(turned[i], FAMILY, "dp").to_json())


def test_plain_http_with_the_picture_inside(server, picture_file, expected):
    url = f"data:image/png;base64,{base64.b64encode(picture_file.read_bytes()).decode()}"
    event, data = call(server.url, image={"url": url}, checkpoint=FAMILY, compatibility="dp")
    assert event == "complete"
    assert_same(json.loads(data)[0], expected["dp"])


def test_defaults(server, picture_file, expected):
    path = upload(server.url, "disc.png", picture_file.read_bytes())
    event, data = call(server.url, image=file(path))
    assert event == "complete"
    assert_same(json.loads(data)[0], expected["dp"])


@pytest.mark.parametrize("compatibility", [{}, {"compatibility": ""}, {"compatibility": None}, {"compatibility": "pc"}])
def test_a_checkpoints_own_name_is_enough(server, picture_file, expected, compatibility):
    path, name = upload(server.url, "disc.png", picture_file.read_bytes()), FAMILY.replace("att3-", "att3-pc-")
    event, data = call(server.url, image=file(path), checkpoint=name, **compatibility)
    assert event == "complete"
    answer = json.loads(data)[0]
    assert_same(answer, expected["pc"])
    assert answer["checkpoint"] == answer["name"] == name


@pytest.mark.parametrize("content", [b"hello", b"\x89PNG\r\n\x1a\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
@pytest.mark.parametrize("name", ["a.png", "a.svg", "a.txt"])
def test_hostile_uploads_get_a_sentence_and_nothing_else(server, content, name):
    event, data = call(server.url, image=file(upload(server.url, name, content)))
    assert event == "error"
    sentence = json.loads(data)
    sentence = sentence["error"] if isinstance(sentence, dict) else sentence
    assert sentence.startswith("This file is ") and sentence.endswith(".") and "/" not in sentence


def test_files_that_viewers_show_are_answered_as_shown(server):
    y, x = np.mgrid[:60, :100]
    shown = Image.fromarray(np.stack([2 * x, 4 * y, 255 - 2 * x], -1).astype(np.uint8))
    for name, contents in odd_files(shown).items():
        answers = [
            call(server.url, image=file(upload(server.url, name, content)), pictures=False) for content in contents
        ]
        assert [event for event, _ in answers] == ["complete"] * 2, name
        odd, plain = (json.loads(data)[0] for _, data in answers)
        assert_same(odd, plain)
    event, data = call(server.url, image=file(upload(server.url, "raw.tiff", raw_file())))
    assert event == "error" and "camera's raw file" in data and "save it as a JPEG" in data


def test_no_web_address_is_fetched():
    fetched = uploads_only(picture_input(), "https://example.com/cat.png")
    with pytest.raises(ValueError, match="not an upload"):
        fetched.send(None)


def test_what_a_visitor_sees_takes_no_picture_inside():
    inside = ImageData(url="data:image/png;base64,L2V0Yy9wYXNzd2Q=")  # "/etc/passwd", which would be used as a path
    with pytest.raises(ValueError, match="not an upload"):
        picture_input().preprocess(inside)
    assert picture_input(visible=False).preprocess(inside) == b"/etc/passwd"


def test_a_picture_inside_is_as_limited_as_an_upload(server):
    event, data = call(server.url, image={"url": f"data:image/png;base64,{'A' * 41_000_000}"})
    assert event == "error" and json.loads(data)["error"] == (
        "This picture has more than 30 MB: please use a smaller one."
    )


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("explain", {}, "No value provided for required argument: image"),
        ("explain", {"image": None, "compat": "pc"}, "Parameter `compat` is not a valid key-word argument"),
        ("no_such_thing", {"image": None}, "There is no endpoint /no_such_thing"),
    ],
)
def test_a_call_of_another_form_is_answered_in_a_sentence(server, name, arguments, says):
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(f"{server.url}/gradio_api/call/v2/{name}", json.dumps(arguments).encode())
    message = json.loads(refused.value.read())["error"]
    assert refused.value.code == 400 and message.startswith(says) and message.endswith(".")


@pytest.mark.parametrize(
    "arguments",
    [
        {"image": "cat.png"},
        {"image": [1]},
        {"image": file("/etc/passwd")},
        {"image": {"path": "OUTSIDE"}},
        {"image": {"path": "http://127.0.0.1:9/cat.png"}},
        {"image": file("https://example.com/cat.png")},
        {"image": {"url": "http://127.0.0.1:9/cat.png", **file("http://127.0.0.1:9/cat.png")}},
        {"image": {"path": "x", "url": "data:image/png;base64,%%%"}},
        {"image": None},
        {"image": "DISC", "compatibility": "uniform"},
        {"image": "DISC", "checkpoint": "../../etc"},
        {"image": "DISC", "checkpoint": ["x"], "compatibility": {}},
        {"image": "DISC", "side": 100000},
        {"image": "DISC", "side": "large"},
    ],
    ids=[
        "a name",
        "no file",
        "passwd",
        "not said to be a file",
        "an address not said to be a file",
        "an address",
        "this machine",
        "bad base64",
        "no picture",
        "no such compatibility",
        "no such checkpoint",
        "no text",
        "too large a side",
        "no number",
    ],
)
def test_bad_arguments_are_refused_in_a_sentence_without_paths(server, picture_file, arguments):
    if arguments["image"] == {"path": "OUTSIDE"}:
        arguments = {"image": {"path": str(picture_file)}}  # a picture of the server's, that nobody uploaded
    if arguments["image"] == "DISC":
        arguments = {**arguments, "image": file(upload(server.url, "disc.png", picture_file.read_bytes()))}
    event, data = call(server.url, **arguments)
    assert event == "error" and json.loads(data)["error"].endswith(".")
    if isinstance(arguments["image"], dict) and "http" in str(arguments["image"]):
        assert json.loads(data)["error"] == BAD_VALUE
    assert not any(word in data for word in ("Traceback", "site-packages", "/tmp", str(picture_file.parent), "root:"))
    log = server.log.read_text()
    assert 'File "' not in log and "disc" not in log


def test_a_path_does_not_tell_that_a_picture_was_sent_again(server, picture_file):
    first, second = (upload(server.url, "disc.png", picture_file.read_bytes()) for _ in range(2))
    assert first != second and Path(first).name == Path(second).name == "disc.png"


def test_nobody_learns_of_other_visitors(server, picture_file):
    path = upload(server.url, "disc.png", picture_file.read_bytes())
    assert call(server.url, image=file(path))[0] == "complete"
    for route in ("monitoring", "monitoring/summary", "gradio_api/monitoring", "gradio_api/runs"):
        try:
            text = get(f"{server.url}/{route}").decode()
        except urllib.error.HTTPError as error:
            assert error.code in (403, 404)
        else:
            assert "disc" not in text and "total_requests" not in text, route
