"""Why a rate changed: the mix or the rates, and where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from mgframe.analysis.clusters import quotient
from mgframe.analysis.daily import Daily, keys_kept, meta_of_rate, rate_for, tabulate
from mgframe.analysis.effects import EFFECTS
from mgframe.analysis.mixing import kitagawa, split_mix
from mgframe.analysis.spans import Part, Span, windows
from mgframe.dividing import Floats
from mgframe.errors import FrameError, QueryError
from mgframe.framing import is_simulated, key_levels, with_meta
from mgframe.summing import names_in
from mgframe.timespan import Moment
from mgframe.vocabulary import KEYS, OVERLAPPING_LEVELS, RATES, Rate

#: By how much the tags of a message may add up to more than the messages.
_OVERLAP: Final = 0.01
#: The key of the messages that do not carry the tag.
REST: Final = "(rest)"


def attribute(
    frame: pd.DataFrame,
    rate: str,
    *,
    before: Span | None = None,
    after: Span | None = None,
    by: str | Sequence[str] | None = None,
    of: str | None = None,
    tag: str | None = None,
    total: pd.DataFrame | None = None,
    holidays: Sequence[Moment] | None = None,
    until: Moment | None = None,
) -> pd.DataFrame:
    """Return the change of a rate between two windows as the sum of mix and rate, key by key.

    Parameters
    ----------
    frame : DataFrame
        A frame of counts in days or hours.
    rate : str
        A rate, by its name here or Mailgun's own.
    before, after, holidays, until
        The windows, as for :func:`mgframe.compare`.
    by : str or two of them, optional
        The key, or two crossed keys, to split by; by default the frame's keys, where it has one or
        two.
    of : str, optional
        Another denominator, as for :func:`mgframe.rates`. The complaint rate of a frame with
        providers takes ``"delivered_fbl"``, because some providers report no complaints.
    tag : str, optional
        Split one tag against the messages without it; needs `total`.
    total : DataFrame, optional
        The same days without the level `tag`. With it, and without `tag`, tags are split where they
        hardly overlap.

    Returns
    -------
    DataFrame
        A plain table, the key that added most first. The key levels (text); ``n_before``,
        ``k_before``, ``rate_before``, ``share_before`` (of the messages) and the same ``_after``;
        ``mix_effect`` and ``rate_effect`` (fractions: what the change of the key's share and of its
        rate added to the whole), each with ``_low`` and ``_high`` (95 %, leaving out one
        day at a time; NaN where a window has a single day); ``effect``, their sum; with two also
        ``mix_<key>`` for each, which add up to ``mix_effect``. All ``effect`` together are the
        change of the whole rate. ``reversal`` (bool) and ``sentence`` (text) are the same in every
        row: whether the whole moved against its parts (Simpson's paradox), and the change in words.
        ``attrs["mgframe"]`` has the whole: ``before``, ``after``, ``change``, ``mix``,
        ``rate_change``, the last three with ``_low`` and ``_high``.

    Raises
    ------
    QueryError
        No or malformed windows, or more than two keys.
    FrameError
        The frame cannot give the rate, or not by this key (deliveries carry no country); a window
        holds no messages; or the keys overlap, as tags do.

    Notes
    -----
    Kitagawa's symmetric form, centred, and Das Gupta's nested factors for two keys:
    mix = (w1 - w0) * ((r0 + r1) / 2 - (R0 + R1) / 2), rate = (w0 + w1) / 2 * (r1 - r0), where w is
    the share of messages and R the whole rate. A key that is new or gone is all mix.

    Examples
    --------
    >>> import pandas as pd, mgframe as mg
    >>> table = pd.DataFrame({"date": ["2026-05-01", "2026-05-08"] * 2,
    ...                       "domain": ["a.com", "a.com", "b.com", "b.com"],
    ...                       "sent": [1000, 500, 200, 1000], "delivered": [990, 495, 160, 800]})
    >>> df = mg.as_frame(table, resolution="day", complete_until="2026-05-09")
    >>> found = attribute(df, "delivery_rate", before="2026-05-01/2026-05-01",
    ...                   after="2026-05-08/2026-05-08")
    >>> found[["domain", "mix_effect", "rate_effect"]].round(4)
      domain  mix_effect  rate_effect
    0  b.com     -0.0554          0.0
    1  a.com     -0.0396          0.0
    """
    parts = windows(frame, before, after, holidays=holidays, until=until)
    levels = _levels(parts, by, tag, total)
    chosen = rate_for([part.frame for part in parts], rate, of)
    keys, sides = tabulate(parts, chosen, levels)
    if total is not None:
        whole = _whole(total, chosen, parts, until)
        keys, sides = _against_rest(keys, sides, whole, tag)
    _refuse_empty(sides, parts)
    table, found = _attributed(keys, sides, levels)
    found |= meta_of_rate(chosen)
    table["reversal"] = _is_reversed(found)
    table["sentence"] = _sentence(table, found, levels)
    order = table["effect"].abs().sort_values(ascending=False, kind="stable").index
    table = table.loc[order].reset_index(drop=True)
    days = dict(zip(("days_before", "days_after"), (p.text for p in parts), strict=True))
    simulated = any(is_simulated(part.frame) for part in parts)
    return with_meta(table, {"analysis": "attribute", **found, **days, "simulated": simulated})


def _levels(
    parts: Sequence[Part],
    by: str | Sequence[str] | None,
    tag: str | None,
    total: pd.DataFrame | None,
) -> list[str]:
    """Return the one or two keys to split by."""
    frames = [part.frame for part in parts]
    levels = keys_kept(frames, by)
    named = levels if by is None else names_in(by, argument="by")
    if len(levels) not in (1, 2):
        raise QueryError(
            f"by={by!r} must name one key or two, of {key_levels(frames[0])}; the frame's keys "
            "are taken only where it has one or two"
        )
    overlapping = OVERLAPPING_LEVELS.intersection(levels)
    if overlapping and len(levels) > 1:
        raise FrameError(
            "a message may carry several tags, so a change cannot be split over 'tag' and another "
            "key; cut the frame with df.mg.where(...) and split one tag against the rest"
        )
    if not overlapping and (tag is not None or total is not None):
        raise QueryError(f"tag={tag!r} and total= need by='tag' and a frame with that level")
    if overlapping and total is None:
        raise FrameError(
            "a message may carry several tags, so they are no parts of a whole: say tag='...' and "
            "total=, the same days without the level 'tag', for one tag against the rest"
        )
    return sorted(levels, key=named.index)


# ---------------------------------------------------------------- tags, which overlap


def _whole(
    total: pd.DataFrame,
    rate: Rate,
    parts: Sequence[Part],
    until: Moment | None,
) -> list[Daily]:
    """Return the counts of all mail in the days of both windows."""
    own = Part.of(total, until, "total=")
    if OVERLAPPING_LEVELS.intersection(total.index.names):
        raise FrameError("total= must be without the level 'tag', because tags overlap")
    same = [own.on(part.dates) for part in parts]
    for part, cut in zip(parts, same, strict=True):
        if not cut.dates.equals(part.dates):
            raise FrameError(
                f"total= lacks days of {part.text}; fetch the same window without tags"
            )
    return tabulate(same, rate_for([total], rate.name, rate.denominator), [])[1]


def _against_rest(
    keys: pd.DataFrame, sides: Sequence[Daily], whole: Sequence[Daily], tag: str | None
) -> tuple[pd.DataFrame, list[Daily]]:
    """Return one tag and the rest as two keys; without one, all tags where they hardly overlap."""
    level = str(keys.columns[0])
    if tag is None:
        for side, every in zip(sides, whole, strict=True):
            excess = side.n.sum() / every.n.sum() - 1
            if not abs(excess) <= _OVERLAP:
                raise FrameError(
                    f"the tags' messages add up to {excess:+.1%} of the whole, so tags overlap or "
                    "are missing and cannot be split; say tag='...' for one tag against the rest"
                )
        return keys, list(sides)
    own = np.flatnonzero(keys[level] == tag)
    if not len(own):
        raise FrameError(f"tag={tag!r} is not in the frame, whose tags are {list(keys[level][:9])}")
    found = []
    for side, every in zip(sides, whole, strict=True):
        k, n = every.k - side.k[own], every.n - side.n[own]
        if (k < 0).any() or (n < 0).any():
            raise FrameError(f"total= has fewer messages than tag={tag!r} alone on some day")
        found.append(Daily(np.vstack([side.k[own], k]), np.vstack([side.n[own], n])))
    return pd.DataFrame({level: pd.array([tag, REST], dtype="str")}), found


# ---------------------------------------------------------------- the split


def _refuse_empty(sides: Sequence[Daily], parts: Sequence[Part]) -> None:
    for name, side, part in zip(("before", "after"), sides, parts, strict=True):
        if not side.n.sum() > 0:
            raise FrameError(
                f"cannot tell: {name} ({part.text}) has no messages of which both counts are known"
            )


def _attributed(
    keys: pd.DataFrame, sides: Sequence[Daily], levels: list[str]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the table of effects, and the whole change with its two parts."""
    (k0, n0), (k1, n1) = ((side.k.sum(axis=1), side.n.sum(axis=1)) for side in sides)
    mix, rate = kitagawa(k0, n0, k1, n1)
    table = keys.copy()
    for k, n, suffix in ((k0, n0, "before"), (k1, n1, "after")):
        table[f"n_{suffix}"] = n.round().astype("int64")
        table[f"k_{suffix}"] = k.round().astype("int64")
        table[f"rate_{suffix}"] = quotient(k, n)
        table[f"share_{suffix}"] = n / n.sum()
    whole = (k0.sum() / n0.sum(), k1.sum() / n1.sum())
    halves = _halves(sides)
    for name, effect in (("mix_effect", mix), ("rate_effect", rate)):
        table[name] = effect
        table[f"{name}_low"] = effect - halves[name]
        table[f"{name}_high"] = effect + halves[name]
    table["effect"] = mix + rate
    if len(levels) == 2:
        numbers = [np.asarray(keys.groupby(level).ngroup(), dtype="int64") for level in levels]
        for level, part in zip(levels, split_mix(k0, n0, k1, n1, numbers), strict=True):
            table[f"mix_{level}"] = part
    found = {"rate_before": whole[0], "rate_after": whole[1], "change": whole[1] - whole[0]}
    found |= {"mix": float(mix.sum()), "rate_change": float(rate.sum())}
    for name in ("mix", "rate_change", "change"):
        half = float(halves[name])
        found[f"{name}_low"], found[f"{name}_high"] = found[name] - half, found[name] + half
    return table, {name: float(value) for name, value in found.items() if np.isfinite(value)}


def _halves(sides: Sequence[Daily]) -> dict[str, Floats]:
    """Return half the width of the interval of each effect and of the whole.

    The jackknife: each day is left out once, and how far that moves the effects tells how far they
    would move with other days.
    """
    variances: dict[str, Floats] = {}
    for place, side in enumerate(sides):
        k, n = (
            [s.k.sum(axis=1)[:, None] for s in sides],
            [s.n.sum(axis=1)[:, None] for s in sides],
        )
        k[place], n[place] = k[place] - side.k, n[place] - side.n
        days = side.k.shape[1]
        mix, rate = kitagawa(k[0], n[0], k[1], n[1])
        whole = {"mix": mix.sum(axis=0), "rate_change": rate.sum(axis=0)}
        whole["change"] = whole["mix"] + whole["rate_change"]
        for name, values in ({"mix_effect": mix, "rate_effect": rate} | whole).items():
            scale = (days - 1) ** 2 / days if days > 1 else np.nan
            variances[name] = variances.get(name, np.zeros(())) + scale * _variance(values)
    freedom = max(min(side.k.shape[1] for side in sides) - 1, 1)
    return {name: _t(freedom) * np.sqrt(variance) for name, variance in variances.items()}


def _variance(values: Floats) -> Floats:
    """Return the variance over the last axis."""
    if values.shape[-1] < 2:
        return np.full(values.shape[:-1], np.nan)
    found: Floats = values.var(axis=-1, ddof=1)
    return found


def _t(freedom: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.975))


# ---------------------------------------------------------------- in words


def _is_reversed(found: dict[str, Any]) -> bool:
    """Return whether the whole moved against what the rates did, both by what matters."""
    change, within = found["change"], found["rate_change"]
    least = EFFECTS[found["rate"]].points
    return bool(change * within < 0 and min(abs(change), abs(within)) >= least)


def _sentence(table: pd.DataFrame, found: dict[str, Any], levels: Sequence[str]) -> str:
    """Return the whole change in words, with a warning where the whole misleads."""
    change, mix, within = found["change"], found["mix"], found["rate_change"]
    keys = " and ".join(_word(level) for level in levels)
    label = RATES[found["rate"]].label.removesuffix(" (7-day)")
    before, after = (f"{found[f'rate_{side}']:.2%}" for side in ("before", "after"))
    moved = f"{'rose' if change > 0 else 'fell'} from {before} to {after} ({_points(change)})"
    largest = table.iloc[int(table["effect"].abs().to_numpy().argmax())]
    place = " & ".join(f"{level}={largest[level]}" for level in levels)
    text = (
        f"{label} {moved if change else f'stayed at {after}'}: "
        f"{_points(within)} from rates within {keys}, {_points(mix)} from the mix of {keys}."
    )
    if largest["effect"]:
        text += f" Most came from {place} ({_points(largest['effect'])}, its rate and its mix)."
    if not _is_reversed(found):
        return text
    return (
        f"{text} Simpson's paradox: at the same mix of {keys} it would have "
        f"{'fallen' if within < 0 else 'risen'}, so judge the keys by their own rates and not "
        "by the whole."
    )


def _word(level: str) -> str:
    label = KEYS[level].label if level in KEYS else level
    return label if label[:2].isupper() else label[0].lower() + label[1:]


def _points(value: float) -> str:
    """Return a difference of fractions in percentage points."""
    return f"{value * 100:+.{2 if abs(value) >= 0.001 or value == 0 else 3}f} points"
