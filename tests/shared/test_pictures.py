"""Pictures: drawn, written, read, and refused."""

import io
import logging
import os
import struct
import tempfile
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shared import pictures
from shared.errors import UserError


@pytest.fixture
def digit():
    """A white stroke on black, not symmetric in any way."""
    image = np.zeros((28, 28), np.uint8)
    image[4:20, 9:13] = 255
    image[16:20, 9:22] = 200
    return image


def save(array, path, **options):
    Image.fromarray(array).save(str(path), **options)
    return str(path)


def message(function, *arguments):
    with pytest.raises(UserError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_half_blocks_show_two_rows_per_line():
    image = np.zeros((28, 28), np.uint8)
    image[0, 0], image[1, 1], image[26:, 27], image[2, 3], image[3, 3] = 255, 128, 255, 127, 128
    lines = pictures.terminal(image).split("\n")
    assert [len(line) for line in lines] == [28] * 14
    assert lines[0] == "▀▄" + " " * 26
    assert lines[1] == "   ▄" + " " * 24
    assert lines[-1] == " " * 27 + "█"


def test_ascii_shows_grey():
    image = np.zeros((28, 28), np.uint8)
    image[:2] = np.linspace(0, 255, 28)
    image[2, 0] = 255
    text = pictures.terminal(image, ascii=True)
    lines = text.split("\n")
    assert text.encode("ascii")
    assert [len(line) for line in lines] == [28] * 14
    ranks = [pictures.RAMP.index(character) for character in lines[0]]
    assert ranks == sorted(ranks)
    assert set(ranks) == set(range(10))
    assert lines[1] == pictures.RAMP[4] + " " * 27


@pytest.mark.parametrize("scale", [1, 3, 10])
def test_a_saved_picture_is_read_back(tmp_path, digit, scale):
    path = str(tmp_path / "digit.png")
    pictures.save_png(digit, path, scale=scale)
    with Image.open(path) as file:
        assert (file.format, file.mode, file.size) == ("PNG", "L", (28 * scale, 28 * scale))
    image = pictures.read_image(path)
    assert image.dtype == np.uint8
    assert image.flags.writeable
    np.testing.assert_array_equal(image, digit)
    assert os.listdir(str(tmp_path)) == ["digit.png"]


def test_black_on_white_is_inverted(tmp_path, digit):
    digit[0, :9] = 255  # a stroke may touch the edge
    np.testing.assert_array_equal(pictures.read_image(save(255 - digit, tmp_path / "a.png")), digit)
    np.testing.assert_array_equal(pictures.read_image(save(digit, tmp_path / "b.png")), digit)


def test_transparent_counts_as_paper(tmp_path, digit):
    black = np.zeros((28, 28, 4), np.uint8)
    black[..., 3] = digit  # black ink, and black where nothing is drawn
    image = pictures.read_image(save(black, tmp_path / "a.png"))
    np.testing.assert_array_equal(image, digit)


def test_palettes_colours_and_16_bits(tmp_path, digit):
    colours = np.stack([digit] * 3, axis=2)
    np.testing.assert_array_equal(pictures.read_image(save(colours, tmp_path / "a.png")), digit)
    wide = digit.astype(np.uint16) * 257
    np.testing.assert_array_equal(pictures.read_image(save(wide, tmp_path / "b.png")), digit)
    two = np.where(digit > 0, 255, 0).astype(np.uint8)
    Image.fromarray(two).convert("1").save(str(tmp_path / "c.png"))
    Image.fromarray(two).convert("P").save(str(tmp_path / "d.gif"))
    for name in ("c.png", "d.gif"):
        np.testing.assert_array_equal(pictures.read_image(str(tmp_path / name)), two)


def test_a_photograph_is_turned_as_the_camera_says(tmp_path, digit):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown rotated by 90° to the right
    path = save(np.rot90(digit), tmp_path / "a.png", exif=exif.tobytes())
    np.testing.assert_array_equal(pictures.read_image(path), digit)


def test_proportions_are_kept(tmp_path):
    tall = np.zeros((280, 100), np.uint8)
    tall[20:260, 40:60] = 255
    image = pictures.read_image(save(255 - tall, tmp_path / "a.png"))
    assert image.shape == (28, 28)
    assert image[2:26, 13:15].min() == 255
    assert image.sum() == 24 * 2 * 255


def test_what_can_not_be_read(tmp_path, digit):
    assert "there is no file" in message(pictures.read_image, str(tmp_path / "missing.png"))
    assert "there is no file" in message(pictures.read_image, str(tmp_path))
    text = tmp_path / "text.png"
    text.write_text("no picture\n")
    assert str(text) in message(pictures.read_image, str(text))
    path = save(digit, tmp_path / "cut.png")
    with open(path, "r+b") as file:
        file.truncate(60)
    assert path in message(pictures.read_image, path)


def test_a_picture_too_large_to_unpack(tmp_path, digit, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert "a.png" in message(pictures.read_image, save(digit, tmp_path / "a.png"))


def test_what_can_not_be_written(tmp_path, digit):
    path = str(tmp_path / "missing" / "a.png")
    assert path in message(pictures.save_png, digit, path)
    (tmp_path / "folder").mkdir()
    assert "folder" in message(pictures.save_png, digit, str(tmp_path / "folder"))
    assert os.listdir(str(tmp_path)) == ["folder"]


def test_a_failed_write_leaves_the_old_file(tmp_path, digit):
    def fill_the_disk(self, path, format):
        with open(path, "wb") as file:
            file.write(b"half")
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with mock.patch.object(Image.Image, "save", fill_the_disk):
        assert "No space left" in message(pictures.save_png, digit, str(path))
    assert os.listdir(str(tmp_path)) == ["a.png"]
    assert path.read_bytes() == b"old"


def encoded(format):
    file = io.BytesIO()
    array = np.random.RandomState(0).randint(0, 256, (9, 14, 3)).astype(np.uint8)
    Image.fromarray(array).save(file, format=format)
    return file.getvalue()


@pytest.mark.filterwarnings("ignore")  # Pillow warns of odd metadata
@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "BMP", "TIFF"])
def test_damaged_pictures_are_refused_or_read(format):
    intact = encoded(format)

    @settings(max_examples=60, deadline=None, database=None)
    @given(
        st.lists(st.tuples(st.integers(0, len(intact) - 1), st.integers(0, 255)), max_size=4),
        st.integers(0, len(intact)),
        st.booleans(),
    )
    def check(changes, end, cut):
        data = bytearray(intact)
        for place, value in changes:
            data[place] = value
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "picture")
            with open(path, "wb") as file:
                file.write(data[:end] if cut else data)
            try:
                image = pictures.read_image(path)
            except UserError:
                return
        assert image.shape == (28, 28)
        assert image.dtype == np.uint8

    check()


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    Image.new("L", (100, 60)).save(str(tmp_path / "large.png"))
    monkeypatch.setattr(pictures, "MOST", 5999)
    with pytest.raises(UserError, match="has 100 × 60 pixels, more than 5,999: make it smaller"):
        pictures.read_image(str(tmp_path / "large.png"))
    monkeypatch.setattr(pictures, "MOST", 6000)
    assert pictures.read_image(str(tmp_path / "large.png")).shape == (28, 28)


def test_what_pillow_warns_of_is_not_printed(tmp_path, recwarn):
    """A tag of a TIFF that lies beyond its end."""
    content = io.BytesIO()
    Image.new("L", (3, 3)).save(content, "TIFF")
    with Image.open(content) as image:
        tag = struct.pack("<HHLL", 270, 2, 99, 1 << 30)
        directory = content.getvalue().index(struct.pack("<H", len(image.tag_v2)))
    damaged = bytearray(content.getvalue())
    damaged[directory + 2 : directory + 14] = tag
    (tmp_path / "a.tif").write_bytes(bytes(damaged))
    with pytest.raises(UserError, match="is no picture that can be read"):
        pictures.read_image(str(tmp_path / "a.tif"))
    assert recwarn.list == []


def test_what_pillow_logs_is_not_printed(capsys):
    logger = logging.getLogger("PIL.TiffImagePlugin")
    with mock.patch.object(logging.getLogger(), "handlers", []):
        logger.error("More samples per pixel than can be decoded: 1200")
    assert capsys.readouterr() == ("", "")


def square(top, left, *, side=8, value=255):
    image = np.zeros((28, 28), np.uint8)
    image[top : top + side, left : left + side] = value
    return image


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (square(10, 10), None),
        (square(12, 8), None),
        (square(10, 10, value=20), "the picture is blank: no digit is to be seen"),
        (np.full((28, 28), 255, np.uint8), "the picture is blank: no digit is to be seen"),
        (square(0, 10), "the digit is off-centre, 10 rows up and 0 columns left"),
        (square(15, 20), "the digit is off-centre, 5 rows down and 10 columns right"),
    ],
)
def test_a_blank_or_off_centre_picture_is_said_to_be_so(image, words):
    remarks = pictures.remarks(image)
    assert len(remarks) == (words is not None)
    assert words is None or remarks[0].startswith(words)
