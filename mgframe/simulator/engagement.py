"""What people and machines do with delivered mail, up to a week later: facts by the hour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mgframe.simulator.account import ENGAGEMENT_STREAM
from mgframe.simulator.audience import BOTS, DEVICE_DRAWS
from mgframe.simulator.counters import PRIMITIVE, Facts, packed
from mgframe.simulator.seasons import HOURS
from mgframe.simulator.traffic import SPAN, Cells, Mail, Week, added_chance
from mgframe.simulator.traits import CHANCE, OPENED

#: People's delay as a mixture of exponentials: the quick, and shares and mean hours of the rest.
_QUICK_HOURS: Final = 1.6
_SLOW_HOURS: Final = np.repeat([13.0, 34.0, 90.0], [50, 30, 20])

#: By bot (the first is people): mean hours until a machine opens, and further opens per open.
_MACHINE_HOURS: Final = np.array([0.0, 9.0, 0.6, 0.05])
_OPENED_AGAIN: Final = np.array([0.55, 0.08, 0.3, 0.2])

#: Machines click too, but only the scanners of security products.
_CLICKERS: Final = np.array([name in ("None", "Generic") for name in BOTS])


@dataclass(frozen=True)
class Acts:
    """Acts, one row each: what, on mail of which cell, by whom, at which hour of the block."""

    primitive: NDArray[np.int64]
    cells: Cells
    bot: NDArray[np.int64]
    time: NDArray[np.float64]
    delay: NDArray[np.float64]
    who: NDArray[np.int64]

    def take(self, rows: NDArray[np.intp], primitive: str, later: NDArray[np.float64]) -> Acts:
        """Return acts that follow from some of these, by the same people, hours later."""
        return Acts(
            np.full(len(rows), PRIMITIVE[primitive]),
            self.cells.take(rows),
            self.bot[rows],
            self.time[rows] + later,
            self.delay[rows],
            self.who[rows],
        )


def engage(week: Week, mail: Mail) -> Facts:
    """Return the opens, clicks, unsubscribes and complaints that a week's mail leads to."""
    traits = week.traits
    rng = np.random.default_rng([traits.seed, traits.senders.index, week.week, ENGAGEMENT_STREAM])
    first = _first_acts(rng, week, mail)
    opened = np.flatnonzero(first.primitive == PRIMITIVE["opened_first"])
    again = np.repeat(opened, rng.poisson(_OPENED_AGAIN[first.bot[opened]]))
    clicked = _clicking(rng, week, first, opened)
    clicks = first.take(clicked, "clicked_first", rng.exponential(0.06, len(clicked)))
    more = np.repeat(np.arange(len(clicked)), rng.poisson(0.3, len(clicked)))
    return _counted(
        rng,
        week,
        [
            first,
            first.take(again, "opened_again", rng.exponential(18, len(again))),
            clicks,
            clicks.take(more, "clicked_again", rng.exponential(0.5, len(more))),
        ],
    )


#: The columns of acts drawn for each delivered cell: opens by bot, then these.
_COLUMNS: Final = np.array(
    [PRIMITIVE["opened_first"]] * len(BOTS) + [PRIMITIVE["unsubscribed"], PRIMITIVE["complained"]]
)
_CHANCES: Final = [*OPENED, CHANCE["unsubscribed"], CHANCE["complained"]]
_PEOPLE: Final = BOTS.index("None")
_UNKNOWN_MACHINES: Final = BOTS.index("Generic")


def _first_acts(rng: np.random.Generator, week: Week, mail: Mail) -> Acts:
    """Return first opens, unsubscribes and complaints, each of one person or machine."""
    cells = mail.delivered
    chance = cells.of(week.chances)[:, _CHANCES]
    complained = chance[:, -1]
    # Who has no feedback loop tells nothing, whatever happens.
    complained += np.where(complained > 0, added_chance(week, "complaints", cells), 0)
    chance[:, _PEOPLE] *= 1 - added_chance(week, "fade", cells)
    chance[:, _UNKNOWN_MACHINES] += added_chance(week, "bots", cells)
    np.minimum(chance, 1, out=chance)
    drawn = rng.binomial(mail.counts[:, None], chance)
    row, column = np.nonzero(drawn)
    times = drawn[row, column]
    row, column = np.repeat(row, times), np.repeat(column, times)
    bot = np.where(column < len(BOTS), column, 0)
    acted = cells.take(row)
    delay = _delays(rng, week, acted, bot)
    # The minute of delivery is the same for all that one cell delivered in an hour.
    minute = rng.random(len(mail.counts))[row]
    primitive = _COLUMNS[column]
    who = packed(bot=bot)
    seen = np.flatnonzero((bot == 0) & (primitive != PRIMITIVE["complained"]))
    who[seen] = _people(rng, week, acted.take(seen))
    return Acts(primitive, acted, bot, acted.hour + minute + delay, delay, who)


def _delays(
    rng: np.random.Generator, week: Week, cells: Cells, bot: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the hours between delivery and act; people sleep, machines do not."""
    size = len(bot)
    quick = week.traits.senders.of_lanes("quick")[cells.lane]
    slow = _SLOW_HOURS[rng.integers(0, len(_SLOW_HOURS), size)]
    mean = np.where(rng.random(size) < quick, _QUICK_HOURS, slow)
    delay = rng.exponential(np.where(bot == 0, mean, _MACHINE_HOURS[bot]))
    local = (cells.hour + delay + week.traits.senders.zones[cells.lane]) % 24
    asleep = np.flatnonzero((local < 6) & (bot == 0) & (rng.random(size) < 0.75))
    delay[asleep] += 6 - local[asleep] + rng.gamma(2, 1.3, len(asleep))
    return np.asarray(np.minimum(delay, HOURS - 2))


def _people(rng: np.random.Generator, week: Week, cells: Cells) -> NDArray[np.int64]:
    """Return country and device of the people behind acts, packed."""
    countries, size = week.traits.countries, len(cells.hour)
    owner = week.traits.senders.owner[cells.lane]
    country = countries[owner, cells.recipient, rng.integers(0, countries.shape[-1], size)]
    return packed(country=country, device=DEVICE_DRAWS[rng.integers(0, len(DEVICE_DRAWS), size)])


def _clicking(
    rng: np.random.Generator, week: Week, acts: Acts, opened: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Return the opens that lead to a click: those of the quick more often."""
    bot = acts.bot[opened]
    chance = (
        acts.cells.take(opened).of(week.chances[..., [CHANCE["clicked"]]])[:, 0] * _CLICKERS[bot]
    )
    chance *= np.where(bot > 0, 1, np.where(acts.delay[opened] < 14, 1.22, 0.6))
    return np.asarray(opened[rng.random(len(opened)) < chance])


_TRACKED: Final = np.array(
    [PRIMITIVE[name] for name in ("opened_first", "opened_again", "clicked_first", "clicked_again")]
)


def _counted(rng: np.random.Generator, week: Week, acts: list[Acts]) -> Facts:
    """Return the facts of acts, without those that broken tracking did not see."""
    hour = np.minimum(np.concatenate([a.time for a in acts]).astype(np.int64), SPAN - 1)
    lane = np.concatenate([a.cells.lane for a in acts])
    recipient = np.concatenate([a.cells.recipient for a in acts])
    primitive = np.concatenate([a.primitive for a in acts])
    place = week.place(Cells(hour, lane, recipient)) | packed(primitive=primitive)
    codes = place | np.concatenate([a.who for a in acts])
    lost = added_chance(week, "tracking", Cells(hour, lane, recipient))
    if isinstance(lost, np.ndarray):
        lost = lost * np.isin(primitive, _TRACKED)
        codes = codes[rng.random(len(codes)) >= lost]
    return Facts(codes, np.ones(len(codes), np.int64))
