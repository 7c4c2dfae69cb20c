"""The recording of the demo in the documentation: a picture that loads nothing and shows every import."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pyte

from local.scenarios import SCENARIOS
from tests.cli.recording import COLUMNS, LINES, PICTURE, SPEED, lines_of, picture


def test_the_picture_shows_each_line_for_as_long_as_it_was_there() -> None:
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    screens = []
    for second, text in ((0.0, b"first\r\n\x1b[1;32mgreen & <b>\x1b[0m"), (3.0, b"\x1b[2J\x1b[Hfirst\r\nthe end")):
        stream.feed(text)
        screens.append((second, list(lines_of(screen))))
    root = ElementTree.fromstring(picture(screens))  # noqa: S314 - made here
    shown = {"".join(one.itertext()): one for one in root.iter("{http://www.w3.org/2000/svg}g")}
    assert set(shown) == {"green & <b>", "the end"}, "what is there from the first to the last moment does not move"
    ends = shown["green & <b>"].find("{http://www.w3.org/2000/svg}animate")
    assert ends is not None
    total = 3.0 / SPEED + 6.0
    assert ends.attrib["keyTimes"].split(";")[-1] == f"{1 / total:.4f}"
    assert (shown["green & <b>"].attrib["opacity"], shown["the end"].attrib["opacity"]) == ("0", "1")


def test_the_picture_of_the_documentation_is_that_of_todays_demo() -> None:
    text = PICTURE.read_text()
    root = ElementTree.fromstring(text)  # noqa: S314 - a file of the repository
    shown = " ".join(root.itertext())
    assert [scenario.name for scenario in SCENARIOS if scenario.name not in shown] == []
    assert f"{len(SCENARIOS)} of {len(SCENARIOS)} outcomes as expected" in shown
    assert set(re.findall(r"https?://[^\"'\s<]+", text)) == {"http://www.w3.org/2000/svg"}, "it loads nothing"
    assert "script" not in text
