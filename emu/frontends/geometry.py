"""Where the guest's picture goes in a window: as large as fits, in the shape a monitor would show it."""
from __future__ import annotations

CRT = (4, 3)
# modes of the VGA itself fill a 4:3 tube, whatever their pixels; later ones have square pixels
TUBE_WIDTHS = (320, 360, 640, 720)
TUBE_HEIGHTS = (200, 240, 350, 400, 480)


def shape(width: int, height: int, correct: bool = True) -> tuple[int, int]:
    """Width to height as shown; `correct` False: square pixels always."""
    if correct and width in TUBE_WIDTHS and height in TUBE_HEIGHTS:
        return CRT
    return width, height


def natural_size(width: int, height: int, correct: bool = True) -> tuple[int, int]:
    """The window for a picture at its own size: small ones doubled, none narrower or lower than its pixels."""
    across, down = shape(width, height, correct)
    scale = 2 if width < 512 and height < 384 else 1
    width, height = width * scale, height * scale
    if width * down >= height * across:
        return width, round(width * down / across)
    return round(height * across / down), height


def place(width: int, height: int, room: tuple[int, int], correct: bool = True) -> tuple[int, int, int, int]:
    """(x, y, w, h) of the picture in a window of size `room`: centred, as large as fits."""
    across, down = shape(width, height, correct)
    w, h = room[0], round(room[0] * down / across)
    if h > room[1]:
        w, h = round(room[1] * across / down), room[1]
    w, h = max(1, w), max(1, h)
    return (room[0] - w) // 2, (room[1] - h) // 2, w, h
