"""Contact sheets: complete pictures, a separate query, and text that the font can draw."""

import numpy as np
import pytest

from ml.files.sheets import Tile, contact_sheet, missing

WHITE, RED, BLUE = (255, 255, 255), (220, 0, 0), (0, 0, 220)
GOOD, BAD = (0x15, 0x80, 0x3D), (0xDC, 0x26, 0x26)


def plain(colour: tuple[int, int, int], width: int = 30, height: int = 60) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def columns_of(sheet: np.ndarray, colour: tuple[int, int, int]) -> tuple[int, int]:
    """The first and the last column with this colour."""
    found = np.flatnonzero((sheet == colour).all(axis=2).any(axis=0))
    return int(found[0]), int(found[-1])


def rows_of(sheet: np.ndarray, colour: tuple[int, int, int]) -> tuple[int, int]:
    return columns_of(sheet.transpose(1, 0, 2), colour)


def test_a_tall_picture_is_shown_whole_and_centred_in_its_square() -> None:
    sheet = np.asarray(contact_sheet([[Tile(plain(RED))]], tile=100))
    left, right = columns_of(sheet, RED)
    top, bottom = rows_of(sheet, RED)
    assert (right - left + 1, bottom - top + 1) == (50, 100)
    assert left + right + 1 == sheet.shape[1]  # the one tile is in the middle of its page
    assert tuple(sheet[(top + bottom) // 2, left - 10]) == WHITE


def test_the_query_is_set_further_apart_than_the_others_are_from_each_other() -> None:
    wide = {"width": 60, "height": 60}
    tiles = [Tile(plain((10 * n, 0, 99), **wide)) for n in range(3)]
    sheet = np.asarray(contact_sheet([tiles], tile=60))
    spans = [columns_of(sheet, (10 * n, 0, 99)) for n in range(3)]
    assert spans[1][0] - spans[0][1] > 2 * (spans[2][0] - spans[1][1])


@pytest.mark.parametrize(("good", "edge", "other"), [(True, GOOD, BAD), (False, BAD, GOOD), (None, None, GOOD)])
def test_the_edge_says_good_or_bad_or_nothing(good: bool | None, edge: object, other: object) -> None:
    sheet = np.asarray(contact_sheet([[Tile(plain(BLUE)), Tile(plain(RED), good=good)]]))
    assert not (sheet == other).all(axis=2).any()
    if edge is not None:
        count = int((sheet == edge).all(axis=2).sum())
        assert 400 < count < 1000
        assert (count < 600) is (good is False)  # dashed


def test_rows_of_different_lengths_share_a_page_as_wide_as_the_longest() -> None:
    one, three = [Tile(plain(RED))], [Tile(plain(RED))] * 3
    assert contact_sheet([one, three]).width == contact_sheet([three]).width > contact_sheet([one]).width
    assert contact_sheet([one, three]).height > contact_sheet([three]).height


def test_no_rows_or_an_empty_row_are_a_page_all_the_same() -> None:
    assert contact_sheet([]).width > 0
    assert contact_sheet([[]], title="Nothing found").height > 0


def test_captions_take_a_line_each_and_never_run_into_the_next_tile() -> None:
    tile = Tile(plain(WHITE), caption="a very long name of a picture indeed, 1163.jpg")
    sheet = np.asarray(contact_sheet([[tile, tile]], tile=60))
    ink = (sheet < 100).all(axis=2)[-50:-30].any(axis=0)
    assert not ink[-24:].any()  # the margin
    one = contact_sheet([[Tile(plain(RED), caption="a")]]).height
    assert contact_sheet([[Tile(plain(RED), caption="a\nb")]]).height > one


@pytest.mark.parametrize("text", ["Größe 5 × 7 – naïve", "Платье 漢字 \x00", "", " "])
def test_any_text_can_be_a_caption_and_a_title(text: str) -> None:
    assert contact_sheet([[Tile(plain(RED), caption=text)]], title=text).height > 0


def test_a_missing_picture_is_a_grey_tile() -> None:
    sheet = np.asarray(contact_sheet([[missing("gone.jpg")]], tile=50))
    assert int((sheet == (0xE4, 0xE4, 0xE4)).all(axis=2).sum()) >= 50 * 50


@pytest.mark.parametrize("shape", [(1, 4000, 3), (4000, 1, 3), (1, 1, 3)])
def test_a_picture_of_any_shape_has_a_place(shape: tuple[int, ...]) -> None:
    sheet = np.asarray(contact_sheet([[Tile(np.full(shape, RED, np.uint8))]], tile=50))
    assert (sheet == RED).all(axis=2).sum() >= 50


@pytest.mark.parametrize("pixels", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)])
def test_pixels_of_another_kind_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        contact_sheet([[Tile(pixels)]])
