"""What a file must be to be a photo, and how each kind of file is read."""

from __future__ import annotations

import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from passerby.data.images import MAX_PIXELS, normalise, read_photo, resize, to_tensor
from passerby.errors import BadPhoto, shown
from passerby.method import PhotoSpec

SPEC = PhotoSpec(height=32, width=16)
pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow warns of much that we refuse


def scene(height: int = 48, width: int = 24) -> np.ndarray:
    """A smooth ramp with a bright corner, so that turns and flips show."""
    ramp = np.linspace(20, 200, height)[:, None, None] * np.array([1.0, 0.7, 0.4])
    pixels = np.broadcast_to(ramp, (height, width, 3)).astype(np.uint8).copy()
    pixels[: height // 4, : width // 4] = 255
    return pixels


def saved(path: Path, pixels: np.ndarray | None = None, **how: object) -> Path:
    Image.fromarray(scene() if pixels is None else pixels).save(path, **how)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(BadPhoto) as caught:
        read_photo(path)
    line = str(caught.value)
    assert line.isprintable()
    assert ";" in line, "what was met; what to do"
    return line


def png_header(path: Path, width: int, height: int) -> Path:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    idat = b"IDAT" + zlib.compress(b"")
    data = struct.pack(">I", len(idat) - 4) + idat + struct.pack(">I", zlib.crc32(idat))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + data)
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "gif", "webp", "tif"])
def test_every_usual_format_is_read_as_rgb(tmp_path: Path, suffix: str) -> None:
    photo = read_photo(saved(tmp_path / f"a.{suffix}"))
    assert photo.mode == "RGB"
    assert photo.size == (24, 48)
    assert np.abs(np.asarray(photo).astype(int) - scene()).mean() < 5


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_stands_upright_whatever_its_exif_orientation(
    tmp_path: Path, orientation: int
) -> None:
    undo = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
    moves = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE",
             6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90"}  # fmt: skip
    stored = Image.fromarray(scene())
    if orientation > 1:
        stored = stored.transpose(Image.Transpose[moves[undo[orientation]]])
    exif = Image.Exif()
    exif[0x0112] = orientation
    for suffix in ("png", "tif"):
        stored.save(tmp_path / f"a.{suffix}", exif=exif)
        photo = read_photo(tmp_path / f"a.{suffix}")
        assert np.array_equal(np.asarray(photo), scene())
        assert photo.getexif().get(0x0112, 1) == 1, "nobody shall turn it twice"


def test_a_large_turned_jpeg_is_drafted_to_no_less_than_twice_the_wanted_size(
    tmp_path: Path,
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    saved(tmp_path / "a.jpg", scene(800, 1600), exif=exif, quality=95)
    photo = read_photo(tmp_path / "a.jpg", near=(128, 64))
    assert photo.size == (200, 400)
    whole = resize(read_photo(tmp_path / "a.jpg"), PhotoSpec())
    assert np.abs(resize(photo, PhotoSpec()).astype(int) - whole).mean() < 2


def test_16_bit_grey_is_scaled_and_not_clipped(tmp_path: Path) -> None:
    deep = (scene()[..., 0].astype(np.uint16)) * 257
    Image.fromarray(deep).save(tmp_path / "a.png")
    photo = np.asarray(read_photo(tmp_path / "a.png"))
    assert np.array_equal(photo, np.repeat(scene()[..., :1], 3, axis=2))


def test_16_bit_colour_keeps_its_brightness(tmp_path: Path) -> None:
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in scene().astype(np.uint16) * 257)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 24, 48, 16, 2, 0, 0, 0)),
              (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]  # fmt: skip
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in chunks:
        crc = struct.pack(">I", zlib.crc32(name + body))
        data += struct.pack(">I", len(body)) + name + body + crc
    (tmp_path / "a.png").write_bytes(data)
    assert np.abs(np.asarray(read_photo(tmp_path / "a.png")).astype(int) - scene()).max() <= 1


def test_a_float_tiff_of_0_to_1_becomes_0_to_255(tmp_path: Path) -> None:
    Image.fromarray((scene()[..., 0] / 255).astype(np.float32)).save(tmp_path / "a.tif")
    photo = np.asarray(read_photo(tmp_path / "a.tif"))
    assert np.array_equal(photo[..., 0], scene()[..., 0])


def test_cmyk_palette_and_grey_look_as_they_should(tmp_path: Path) -> None:
    image = Image.fromarray(scene())
    image.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    image.quantize(64).save(tmp_path / "palette.png")
    image.convert("L").save(tmp_path / "grey.jpg", quality=95)
    for name in ("cmyk.jpg", "palette.png"):
        assert np.abs(np.asarray(read_photo(tmp_path / name)).astype(int) - scene()).mean() < 6
    grey = np.asarray(read_photo(tmp_path / "grey.jpg"))
    assert np.array_equal(grey[..., 0], grey[..., 2])


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    alpha = np.full((48, 24, 1), 255, np.uint8)
    alpha[24:] = 0
    Image.fromarray(np.concatenate([scene(), alpha], axis=2)).save(tmp_path / "rgba.png")
    palette = Image.fromarray(scene()).quantize(8)
    palette.save(tmp_path / "p.gif", transparency=palette.getpixel((12, 40)))
    for name in ("rgba.png", "p.gif"):
        photo = np.asarray(read_photo(tmp_path / name))
        assert (photo[40, 12] == 255).all()
        assert not (photo[13, 12] == 255).all()


def test_an_animated_gif_gives_its_first_frame(tmp_path: Path) -> None:
    first = Image.new("RGB", (20, 30), (200, 10, 10))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[Image.new("RGB", (20, 30))] * 3)
    assert np.asarray(read_photo(tmp_path / "a.gif"))[5, 5, 0] > 190


def test_what_is_missing_empty_a_text_or_no_file_is_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "none.jpg")
    (tmp_path / "empty.jpg").touch()
    assert "empty" in refusal(tmp_path / "empty.jpg")
    (tmp_path / "text.jpg").write_text("I am no photo, whatever my name says")
    assert "not an image" in refusal(tmp_path / "text.jpg")
    assert "not a file" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "not a file" in refusal(tmp_path / "pipe.jpg")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    assert "cannot be opened" in refusal(tmp_path / "loop.jpg")
    assert "cannot be opened" in refusal(tmp_path / "a\0b.jpg")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (96, 48, 3), np.uint8)
    path = saved(tmp_path / f"a.{suffix}", noise)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    refusal(path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "gif", "webp", "tif"])
def test_damaged_bytes_never_raise_anything_but_a_refusal(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(1)
    whole = saved(tmp_path / f"whole.{suffix}").read_bytes()
    path = tmp_path / f"a.{suffix}"
    for _ in range(150):
        data = np.frombuffer(whole, np.uint8).copy()
        places = rng.integers(0, min(len(data), int(rng.choice([40, 400, 10**6]))), 4)
        data[places] = rng.integers(0, 256, 4)
        path.write_bytes(data.tobytes())
        with suppress(BadPhoto):
            read_photo(path)


def test_an_enormous_image_is_refused_by_its_header(tmp_path: Path) -> None:
    line = refusal(png_header(tmp_path / "a.png", 30_000, 30_000))
    assert "million pixels" in line
    side = int(MAX_PIXELS**0.5) + 1
    assert f"{side}x{side}" in refusal(png_header(tmp_path / "b.png", side, side))


def test_an_image_too_small_to_show_a_person_is_refused(tmp_path: Path) -> None:
    for size in ((1, 1), (3, 100), (100, 3)):
        Image.new("RGB", size).save(tmp_path / "a.png")
        assert "too small" in refusal(tmp_path / "a.png")
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    assert read_photo(tmp_path / "a.png").size == (4, 4)


def test_a_name_of_any_bytes_is_read_and_told_on_one_line(tmp_path: Path) -> None:
    for name in (b"a b.png", "straße 人.png".encode(), b"new\nline.png", b"\xff\xfe.png"):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        saved(path)
        assert read_photo(path).size == (24, 48)
        assert shown(path).isprintable()
        path.write_bytes(b"no")
        refusal(path)
    assert shown("straße 人.png") == "straße 人.png"


def test_a_photo_without_read_permission_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png")
    path.chmod(0)
    tmp_path.chmod(0o755)
    child = os.fork()  # root reads everything: the child becomes nobody
    if child == 0:
        code = 1
        try:
            os.chdir(tmp_path)  # the folders above may be closed to nobody
            if os.getuid() == 0:
                os.setuid(65534)
            try:
                read_photo(Path("a.png"))
            except BadPhoto as refused:
                code = 0 if "no permission" in str(refused) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_tensor_is_resized_scaled_and_normalised() -> None:
    flat = Image.new("RGB", (30, 60), (255, 0, 128))
    tensor = to_tensor(flat, SPEC)
    assert tensor.shape == (3, 32, 16)
    assert tensor.is_contiguous()
    for channel, level in enumerate((1.0, 0.0, 128 / 255)):
        wanted = (level - SPEC.mean[channel]) / SPEC.std[channel]
        assert tensor[channel].numpy() == pytest.approx(wanted, abs=1e-6)


def test_a_photo_alone_and_in_a_batch_has_the_same_bits() -> None:
    photos = [Image.fromarray(scene(h, 20)) for h in (40, 50, 60)]
    together = normalise(np.stack([resize(photo, SPEC) for photo in photos]), SPEC)
    for photo, row in zip(photos, together, strict=True):
        assert to_tensor(photo, SPEC).equal(row)


def test_shrinking_is_antialiased() -> None:
    stripes = np.zeros((320, 160, 3), np.uint8)
    stripes[::2] = 255
    for resampling in ("bilinear", "bicubic"):
        small = resize(Image.fromarray(stripes), PhotoSpec(32, 16, resampling=resampling))
        assert np.abs(small.astype(int) - 128).max() < 12
