"""Names, numbers and colours of plots."""

from __future__ import annotations

import itertools

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgframe.plotting.style import COLOURS, GREY, Percent, percent
from mgframe.plotting.texts import key_labels, shortened


@given(st.lists(st.text(), unique=True, max_size=12), st.integers(3, 40))
def test_labels_are_unique_short_and_never_hidden(keys: list[str], most: int) -> None:
    labels = key_labels(keys, most=most)
    assert list(labels) == keys
    assert len(set(labels.values())) == len(keys)
    for label in labels.values():
        assert not label.startswith("_")
        assert "\n" not in label
        assert label.replace(r"\$", "").count("$") == 0


@given(st.text(), st.integers(3, 40))
def test_shortened_names_keep_both_ends(text: str, most: int) -> None:
    short = shortened(text, most)
    assert len(short) <= most
    assert short == text or (short[0] == text[0] and short[-1] == text[-1])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "100.00 %"),
        (0.99999, "> 99.99 %"),
        (0.98765, "98.77 %"),
        (0.2755, "27.6 %"),
        (0.0305, "3.05 %"),
        (0.0004, "0.040 %"),
        (0.0, "0.00 %"),
        (4.18, "418.0 %"),
        (float("nan"), "no data"),
    ],
)
def test_percent_says_as_much_as_it_knows(value: float, text: str) -> None:
    assert percent(value) == text


def test_what_the_font_lacks_becomes_a_question_mark() -> None:
    labels = key_labels(["\N{PILE OF POO}.com", "例.com", "mañana.com", "été → Ж"])
    assert list(labels.values()) == ["?.com", "?.com (2)", "mañana.com", "été → Ж"]


def test_ticks_share_their_decimals() -> None:
    assert Percent().format_ticks([0, 0.001, 0.002]) == ["0.0 %", "0.1 %", "0.2 %"]
    assert Percent().format_ticks([0.975, 1.0]) == ["97.5 %", "100.0 %"]
    assert Percent().format_ticks([0.5]) == ["50 %"]


def _linear(colour: str) -> np.ndarray:
    channels = np.array(mpl.colors.to_rgb(colour))
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def _lab(linear: np.ndarray) -> np.ndarray:
    to_xyz = np.array(
        [[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]]
    )
    xyz = to_xyz @ np.clip(linear, 0, 1) / np.array([0.9505, 1, 1.0888])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


# Machado, Oliveira and Fernandes 2009, severity 1: protanopia, deuteranopia, tritanopia.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


@pytest.mark.parametrize("kind", BLINDNESS)
def test_colours_stay_apart_for_every_kind_of_sight(kind: str) -> None:
    seen = [_lab(np.array(BLINDNESS[kind]) @ _linear(colour)) for colour in COLOURS]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 15


@pytest.mark.parametrize("colour", [*COLOURS, GREY])
def test_colours_stand_out_from_white_paper(colour: str) -> None:
    luminance = _linear(colour) @ np.array([0.2126, 0.7152, 0.0722])
    assert 1.05 / (luminance + 0.05) >= 3
