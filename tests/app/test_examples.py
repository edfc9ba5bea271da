"""The examples that the page offers, and their names."""

from app.examples import list_examples, pictures_in


def test_pictures_are_named_after_their_files_and_no_two_alike(picture, tmp_path):
    for name in ("my_dog.png", "cat.png", "cat.jpg", ".hidden.png", "a_b.png", "a b.png"):
        picture.save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    names = {name: path.name for name, path in pictures_in(tmp_path)}
    assert names.pop("my dog") == "my_dog.png"
    assert names == {name: name for name in ("cat.jpg", "cat.png", "a b.png", "a_b.png")}
    for name in ("cat.jpg", "a b.png", "a_b.png"):
        (tmp_path / name).unlink()
    assert {name for name, _ in pictures_in(tmp_path)} == {"cat", "my dog"}


def test_an_unreadable_picture_is_not_offered(picture, tmp_path):
    picture.save(tmp_path / "good.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    offered = [example.name for example in list_examples(tmp_path)]
    assert "good" in offered and "broken" not in offered
