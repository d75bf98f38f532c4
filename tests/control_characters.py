"""Characters that a terminal or a log acts on instead of showing them."""

import pytest


CONTROLS = {
    "null": "\0",
    "bell": "\a",
    "carriage return": "\r",
    "escape": "\x1b",
    "delete": "\x7f",
    "next line (C1)": "\x85",
    "control sequence introducer (C1)": "\x9b",
    "soft hyphen": "\xad",
    "zero-width space": "\u200b",
    "right-to-left mark": "\u200f",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "right-to-left override": "\u202e",
    "right-to-left isolate": "\u2067",
    "byte order mark": "\ufeff",
    "tag": "\U000e0041",
    "lone surrogate": "\ud800",
}
controls = pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS.keys())
