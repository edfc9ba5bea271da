"""What a tab remembers: switching back asks no network, and a refusal is not remembered as an answer."""

from app.asking import KEPT, Shown


def test_an_earlier_answer_is_found_again():
    shown = Shown((), None).then(("a.png", "dp"), 1).then(("a.png", "pc"), 2)
    assert (shown.question, shown.found) == (("a.png", "pc"), 2)
    assert shown.answer_to(("a.png", "dp")) == 1 and shown.answer_to(("a.png", "pc")) == 2
    assert shown.answer_to(("b.png", "dp")) is None
    back = shown.then(("a.png", "dp"), 1)
    assert back.answer_to(("a.png", "pc")) == 2 and len(back.earlier) == 1


def test_refusals_are_shown_and_forgotten():
    shown = Shown((), None).then(("bad.png",), None)
    assert shown.found is None and shown.question == ("bad.png",)
    assert shown.then(("a.png",), 1).earlier == ()


def test_no_more_than_a_few_are_kept():
    shown = Shown((), None)
    for i in range(20):
        shown = shown.then((i,), i + 1)
    assert [s.found for s in shown.earlier] == [20 - 1 - k for k in range(KEPT)]
    assert all(s.earlier == () for s in shown.earlier)
    assert shown.answer_to((10,)) is None
