"""Who receives the mail: recipient domains, countries, devices and bots, and how they behave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Family:
    """How the servers and readers of one kind of mailbox behave.

    `opens` are the chances that one delivered message is opened by a person, by Apple's, Gmail's
    and other machines; `deferred`, `blocked` and `invalid` are relative to the average;
    `feedback` is the share of complaints that come back to the sender.
    """

    opens: tuple[float, float, float, float]
    deferred: float
    blocked: float
    invalid: float
    feedback: float


FAMILIES: Final = {
    "gmail": Family((0.165, 0.130, 0.035, 0.002), 0.7, 0.6, 0.8, 0.0),
    # Apple runs no feedback loop either.
    "apple": Family((0.120, 0.500, 0.000, 0.002), 0.6, 0.5, 0.6, 0.0),
    "microsoft": Family((0.150, 0.070, 0.000, 0.012), 1.2, 1.5, 1.1, 1.0),
    "yahoo": Family((0.155, 0.090, 0.000, 0.002), 2.1, 1.1, 1.3, 1.0),
    "cable": Family((0.175, 0.100, 0.000, 0.008), 1.1, 1.3, 1.4, 0.8),
    "foreign": Family((0.190, 0.040, 0.000, 0.004), 1.5, 1.0, 1.2, 0.4),
    # Companies: a scanner opens much of what comes in, and staff leave, so addresses die.
    "workspace": Family((0.185, 0.060, 0.040, 0.035), 0.8, 0.8, 1.5, 0.0),
    "office": Family((0.190, 0.050, 0.000, 0.060), 1.3, 1.6, 1.6, 0.3),
    "own_server": Family((0.200, 0.040, 0.000, 0.030), 1.8, 1.2, 1.7, 0.2),
}

BOTS: Final = ("None", "Apple", "Gmail", "Generic")
DEVICES: Final = ("unknown", "desktop", "mobile", "tablet")

#: Recipient domains that Mailgun lists: family, share of a typical list in %, home country.
_LISTED: Final = {
    "gmail.com": ("gmail", 41.0, ""),
    "yahoo.com": ("yahoo", 12.5, ""),
    "hotmail.com": ("microsoft", 9.5, ""),
    "outlook.com": ("microsoft", 7.5, ""),
    "icloud.com": ("apple", 7.0, ""),
    "aol.com": ("yahoo", 4.2, "us"),
    "comcast.net": ("cable", 2.6, "us"),
    "live.com": ("microsoft", 2.2, ""),
    "msn.com": ("microsoft", 1.9, "us"),
    "me.com": ("apple", 1.2, ""),
    "att.net": ("yahoo", 1.1, "us"),
    "sbcglobal.net": ("yahoo", 1.1, "us"),
    "hotmail.co.uk": ("microsoft", 1.0, "gb"),
    "yahoo.co.uk": ("yahoo", 0.9, "gb"),
    "orange.fr": ("foreign", 0.8, "fr"),
    "ymail.com": ("yahoo", 0.8, ""),
    "verizon.net": ("yahoo", 0.7, "us"),
    "hotmail.fr": ("microsoft", 0.6, "fr"),
    "bellsouth.net": ("yahoo", 0.5, "us"),
    "rocketmail.com": ("yahoo", 0.25, ""),
    "seznam.cz": ("foreign", 0.15, "cz"),
    "mail.ru": ("foreign", 0.15, "ru"),
    "yandex.ru": ("foreign", 0.12, "ru"),
    "qq.com": ("foreign", 0.1, "cn"),
    "yahoo.com.tw": ("yahoo", 0.06, "tw"),
    "mailinator.com": ("foreign", 0.02, ""),
}

#: Companies that have mail at a domain of their own; the reserved ending makes them nobody's.
_COMPANIES: Final = {
    "larkspur.example": ("workspace", 2.6, ""),
    "tidewater-college.example": ("workspace", 1.7, "us"),
    "plumtree-studio.example": ("workspace", 0.8, ""),
    "hollowell-partners.example": ("office", 2.2, ""),
    "northgate-freight.example": ("office", 1.4, "us"),
    "oldmill.example": ("own_server", 0.7, "gb"),
}
_RECIPIENTS: Final = {**_LISTED, **_COMPANIES}

#: The recipient domains that aggregates always list.
LISTED_RECIPIENTS: Final = tuple(_LISTED)

RECIPIENTS: Final = tuple(_RECIPIENTS)
RECIPIENT_SHARES: Final = np.array([share for _, share, _ in _RECIPIENTS.values()])
RECIPIENT_FAMILIES: Final = tuple(FAMILIES[family] for family, _, _ in _RECIPIENTS.values())

#: The code of a recipient at the sending domain itself: mail that came in over its routes.
OWN_DOMAIN: Final = len(RECIPIENTS)

#: Who runs a recipient domain's mailboxes, where its family alone does not say it.
_RUN_BY: Final = {
    "aol.com": "AOL",
    "verizon.net": "AOL",
    "att.net": "AT&T",
    "bellsouth.net": "AT&T",
    "sbcglobal.net": "AT&T",
    "comcast.net": "Comcast",
    "mail.ru": "Mail.ru",
    "orange.fr": "Orange",
    "qq.com": "Tencent QQ",
    "seznam.cz": "Seznam",
    "yandex.ru": "Yandex",
}
_FAMILY_NAMES: Final = {
    "gmail": "Gmail",
    "workspace": "Google Workspace",
    "office": "Outlook 365",
    "microsoft": "Outlook",
    "yahoo": "Yahoo",
    "apple": "Apple",
}
_OTHER_PROVIDER: Final = "Other"

#: Who runs the mailboxes of each recipient domain.
PROVIDER_OF: Final = {
    name: _RUN_BY.get(name, _FAMILY_NAMES.get(family, _OTHER_PROVIDER))
    for name, (family, _, _) in _RECIPIENTS.items()
}
PROVIDERS: Final = tuple(sorted({*PROVIDER_OF.values(), _OTHER_PROVIDER}))

#: The place in ``PROVIDERS`` of each recipient's code, that of the sending domain itself last.
PROVIDER_CODES: Final = np.array(
    [PROVIDERS.index(name) for name in (*PROVIDER_OF.values(), _OTHER_PROVIDER)]
)

_CODES: Final = (
    "ad ae af ag ai al am an ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn "
    "bo br bs bt bv bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cx cy cz de dj dk "
    "dm do dz ec ee eg eh er es et fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq "
    "gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh "
    "ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk ml mm "
    "mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf "
    "pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm "
    "sn so sr ss st sv sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug um us uy "
    "uz va vc ve vg vi vn vu wf ws ye yt za zm zw "
)

#: Every country that Mailgun lists, the obsolete Netherlands Antilles included.
COUNTRIES: Final = ("unknown", *_CODES.split())

_COUNTRY: Final = {name: i for i, name in enumerate(COUNTRIES)}

#: The countries where most readers are, in %; the rest of the world shares 2 %.
_READERS: Final = {
    "us": 58.0,
    "gb": 9.0,
    "ca": 6.5,
    "de": 4.0,
    "fr": 3.5,
    "au": 3.2,
    "in": 2.6,
    "nl": 1.8,
    "es": 1.5,
    "it": 1.3,
    "ie": 0.9,
    "br": 0.9,
    "mx": 0.8,
    "se": 0.7,
    "ch": 0.6,
    "be": 0.6,
    "at": 0.5,
    "nz": 0.5,
    "pl": 0.5,
    "sg": 0.4,
    "za": 0.4,
    "jp": 0.3,
}

_UNKNOWN_COUNTRY: Final = 0.22

#: Devices of people, one of a thousand: draws take a place in here.
DEVICE_DRAWS: Final = np.repeat(np.arange(len(DEVICES)), [100, 390, 465, 45])

_COUNTRY_DRAWS: Final = 2048


def country_draws(tilt: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return countries of people by recipient domain, one of 2048: draws take a place in here.

    `tilt` multiplies the countries' usual weights, so that each sending domain has its own
    readers; a recipient domain at home in one country has nearly all of its readers there.
    """
    usual = np.full(len(COUNTRIES), 2.0 / len(COUNTRIES))
    for name, share in _READERS.items():
        usual[_COUNTRY[name]] = share
    usual = usual * tilt
    usual[0] = 0
    shares = np.tile(usual / usual.sum(), (len(RECIPIENTS), 1))
    for row, (_, _, home) in enumerate(_RECIPIENTS.values()):
        if home:
            shares[row] *= 0.08
            shares[row, _COUNTRY[home]] += 0.92
    shares *= 1 - _UNKNOWN_COUNTRY
    shares[:, 0] = _UNKNOWN_COUNTRY
    points = (np.arange(_COUNTRY_DRAWS) + 0.5) / _COUNTRY_DRAWS
    return np.array(
        [np.searchsorted(np.cumsum(row)[:-1], points, side="right") for row in shares], np.uint8
    )
