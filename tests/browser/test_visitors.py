"""Two visitors at once: each sees only the answers to their own picture, also after switching."""

from app.examples import pictures_in
from tests.app.serving import FAMILY
from tests.browser.test_explain import state, switch, wait_for_answer
from tests.conftest import REPO

NAMES = ("frog", "truck")


def test_two_visitors_never_see_each_others_picture(open_page):
    alone = {}
    for name in NAMES:  # what each sees with nobody else there
        for compatibility in ("pc", "dp"):
            page = open_page(f"?example={name}&compat={compatibility}")
            wait_for_answer(page, compatibility)
            alone[name, compatibility] = state(page)
    assert alone["frog", "dp"]["maps"] != alone["truck", "dp"]["maps"]
    visitors = {name: open_page(f"?example={name}&compat=dp") for name in NAMES}
    for _ in range(2):
        for compatibility, label in (("pc", "Parametrised (pc)"), ("dp", "Dot product (dp)")):
            for page in visitors.values():  # both ask before either is answered
                switch(page, label)
            for name, page in visitors.items():
                wait_for_answer(page, compatibility)
                page.wait_for_timeout(500)
                assert state(page) == alone[name, compatibility]


def test_programs_that_ask_at_once_get_their_own_answers(page_url, networks, tmp_path):
    from gradio_client import Client, handle_file

    from app.images import read_picture

    files = dict(pictures_in(REPO / "assets" / "examples"))
    clients = {name: Client(page_url, verbose=False, download_files=tmp_path / name) for name in NAMES}
    jobs = {
        (name, i): client.submit(handle_file(files[name]), FAMILY, "dp", api_name="/explain")
        for i in range(6)
        for name, client in clients.items()
    }
    expected = {name: networks.explain(read_picture(files[name]), FAMILY, "dp") for name in NAMES}
    for (name, _), job in jobs.items():
        answer = job.result(timeout=300)[0]
        assert abs(answer["logit"] - expected[name].logit) < 1e-3
        assert answer["class"] == expected[name].answer
    assert abs(expected["frog"].logit - expected["truck"].logit) > 0.01
