"""What the page's server answers, and to whom."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image, ImageCms

from attredit.app import pictures, server
from attredit.app.pictures import Album, Framed
from attredit.app.server import serve
from attredit.app.studio import Studio
from attredit.data.frames import Frame
from attredit.errors import DataError, UsageError
from attredit.runs.named import box


def image_in(answer: tuple[int, bytes]) -> Image.Image:
    assert answer[0] == 200, answer[1]
    image = Image.open(io.BytesIO(answer[1]))
    image.load()
    return image


def sentence_in(answer: tuple[int, bytes]) -> str:
    assert answer[0] == 400, answer
    sentence: str = json.loads(answer[1])["error"]
    return sentence


def test_what_is_downloaded_is_what_the_editor_makes_of_the_file(
    studio: Studio, ask: Any, dropped: Any, photo: Path
) -> None:
    frame, changes = Frame(600, 450, 880, 5), {"Smiling": 1.4, "Eyeglasses": 0}
    asked = {"picture": dropped(photo)["key"], "frame": ",".join(map(str, frame)), "whole": ""}
    for run, mode in ((0, "composite"), (0, "decoded"), (1, "decoded")):
        got = image_in(ask("/edit", run=run, mode=mode, changes=json.dumps(changes), **asked))
        own = {name: value for name, value in changes.items() if name in studio.editors[run].schema.names}
        wanted = studio.editors[run].edit(photo, own, box=frame, mode=mode)
        assert np.array_equal(np.asarray(got), np.asarray(wanted))
        before = image_in(ask("/edit", run=run, mode=mode, side="before", changes=json.dumps(changes), **asked))
        assert before.size == got.size
        assert not np.array_equal(np.asarray(got), np.asarray(before))


def test_what_is_shown_is_smaller_and_close_up_has_the_pixels_of_the_picture(
    ask: Any, dropped: Any, photo: Path
) -> None:
    asked = {"run": 0, "picture": dropped(photo)["key"], "frame": "600,400,200,0", "side": "before"}
    assert image_in(ask("/edit", **asked)).size == (1024, 768)
    close = image_in(ask("/edit", close="", **asked))
    with Image.open(photo) as whole:
        assert np.array_equal(np.asarray(close), np.asarray(whole.crop((440, 240, 760, 560))))


@pytest.mark.parametrize("frame", [Frame(30, 20, 12, 20), Frame(2, 3, 30), Frame(-40, 10, 20)])
def test_a_frame_stays_around_the_same_pixels_close_up_and_smaller(frame: Frame) -> None:
    y, x = np.mgrid[0:60, 0:80]
    scene = Framed(np.dstack([x, y, np.zeros_like(x)]).astype(np.uint8), frame)
    close = scene.close()
    left, top = map(int, close.pixels[0, 0, :2])
    assert (close.frame.x + left, close.frame.y + top) == (frame.x, frame.y)
    small = scene.within(40)
    assert small.pixels.shape == (30, 40, 3)
    assert small.frame == (frame.x / 2, frame.y / 2, frame.side / 2, frame.angle)
    assert scene.within(80) is scene


def test_a_look_tells_frame_and_values_and_keeps_the_frame_that_is_said(ask: Any, dropped: Any, photo: Path) -> None:
    key = dropped(photo)["key"]
    found, other = (json.loads(ask("/look", run=run, picture=key)[1]) for run in (0, 1))
    assert found["frame"] == other["frame"] == [600, 450, 900, 0]
    assert 0 < found["sureness"] < other["sureness"] == 1
    assert set(found["values"]) > set(other["values"]) == {"Smiling"}
    said = json.loads(ask("/look", run=0, picture=key, frame="500,400,300,7.5")[1])
    assert said["frame"] == [500, 400, 300, 7.5]
    assert said["values"] != found["values"]


def test_where_nothing_is_found_a_sentence_says_so_and_the_frame_is_in_the_middle(
    studio: Studio, ask: Any, dropped: Any, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: Any) -> None:
        raise DataError("No frame found in image 0: nothing in it looks like the training images.", "Type --box.")

    monkeypatch.setattr(studio.editors[0], "boxes", nothing)
    found = json.loads(ask("/look", run=0, picture=dropped(photo)["key"])[1])
    assert found["error"].endswith("looks like the training images. Put the frame where it is.")
    assert found["frame"] == [600, 450, 900, 0]


def test_what_the_editor_warns_of_is_said_beside_the_edit(
    studio: Studio, port: int, dropped: Any, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = studio.editors[0].edit

    def warned(*images: Any, **how: Any) -> Any:
        warnings.warn("It is left as it was – nothing to do.", UserWarning)
        return edit(*images, **how)

    monkeypatch.setattr(studio.editors[0], "edit", warned)
    query = urlencode({"run": 0, "picture": dropped(photo)["key"], "frame": "600,450,900,0"})
    with urlopen(f"http://127.0.0.1:{port}/edit?{query}", timeout=60) as answer:
        assert unquote(answer.headers["Attredit-Says"]) == "It is left as it was – nothing to do."


def test_transparency_and_what_colours_mean_survive(ask: Any, dropped: Any, tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGBA", (80, 60), (200, 150, 100, 90)).save(tmp_path / "clear.png", icc_profile=profile)
    key = dropped(tmp_path / "clear.png")["key"]
    got = image_in(ask("/edit", run=0, picture=key, frame="40,30,60,0", changes='{"Smiling": 1}', whole=""))
    assert (got.mode, got.info["icc_profile"]) == ("RGBA", profile)
    assert np.asarray(got)[..., 3].tolist() == [[90] * 80] * 60


def test_samples_are_drawn_finer_than_the_model_sees(studio: Studio, ask: Any) -> None:
    sizes = {image_in(ask(f"/samples/{n}.png")).size for n in range(len(studio.samples))}
    assert (len(studio.samples), sizes) == (6, {(256, 256)})
    assert "nothing at GET /samples/6.png" in sentence_in(ask("/samples/6.png"))


def test_wrong_requests_get_a_sentence_each(ask: Any, dropped: Any, photo: Path) -> None:
    key = dropped(photo)["key"]
    asked: dict[str, Any] = {"run": 0, "picture": key, "frame": "600,450,900,0"}
    assert "broken.jpg cannot be read: it is no image." in sentence_in(ask("/pictures", b"words", name="x/broken.jpg"))
    cut = photo.read_bytes()[:5000]
    assert sentence_in(ask("/pictures", cut, name="cut.png")).startswith("cut.png cannot be read: ")
    assert "picture is not here any more" in sentence_in(ask("/look", run=0, picture="other"))
    assert "There is no run 2." in sentence_in(ask("/look", run=2, picture=key))
    assert "is no frame" in sentence_in(ask("/edit", **{**asked, "frame": "1,2"}))
    assert "lies nowhere" in sentence_in(ask("/edit", **{**asked, "frame": "nan,1,10,0"}))
    assert "no object of values" in sentence_in(ask("/edit", changes="[1]", **asked))
    assert "'much' is no value of Smiling." in sentence_in(ask("/edit", changes='{"Smiling": "much"}', **asked))
    assert "nothing at GET /other" in sentence_in(ask("/other"))
    assert ask("/edit", **asked)[0] == 200


def test_only_this_page_is_answered(ask: Any, port: int) -> None:
    for wrong in ({"Host": "evil.example"}, {"Host": f"evil.example:{port}"}, {"Origin": "http://evil.example"}):
        assert "for this machine alone" in sentence_in(ask("/", headers=wrong))
    own = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}
    assert ask("/", headers=own)[0] == 200


def test_a_file_that_is_too_large_is_not_kept_and_said_to_be(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST", 2**20)
    assert "larger than 1.0 MB" in sentence_in(ask("/pictures", bytes(5 * 2**20 + 1), name="large.png"))


def test_bugs_are_said_on_the_page_and_in_the_terminal(
    studio: Studio, ask: Any, dropped: Any, photo: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(studio, "look", lambda *_: 1 / 0)
    status, body = ask("/look", run=0, picture=dropped(photo)["key"])
    assert (status, "ZeroDivisionError" in json.loads(body)["error"]) == (500, True)
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_the_oldest_pictures_make_room_and_the_newest_is_kept_whatever_its_size(
    photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    album, data = Album(), photo.read_bytes()
    monkeypatch.setattr(pictures, "ROOM", 2 * 1200 * 900 * 3)
    first, second = album.add(data, "a.png"), album.add(data, "b.png")
    assert album[first.key].name == "a.png"  # looked at again: the other is older now
    third = album.add(data, "c.png")
    with pytest.raises(DataError, match="not here any more"):
        album[second.key]
    monkeypatch.setattr(pictures, "ROOM", 1)
    fourth = album.add(data, "d.png")
    assert album[fourth.key].size == (1200, 900)
    for key in (first.key, third.key):
        with pytest.raises(DataError, match="not here any more"):
            album[key]


def test_a_port_that_is_taken_and_a_run_named_twice_are_refused(studio: Studio, port: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"Port {port} cannot be had"):
        serve(studio, port)
    with pytest.raises(UsageError, match="named twice"):
        Studio.of([tmp_path, tmp_path / "." / "x" / ".."])


def test_the_command_serves_the_model_in_the_box_until_it_is_interrupted() -> None:
    command = [sys.executable, "-m", "attredit", "app", "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Edit pictures at http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[0] == "Ended.\n"
    assert process.returncode == 0
    assert box()
