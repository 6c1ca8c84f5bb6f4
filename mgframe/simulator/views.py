"""What Mailgun's API answers: routes, authentication, arguments, errors. No HTTP here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from mgframe.simulator import tags
from mgframe.simulator.account import Domain
from mgframe.simulator.answers import (
    AGGREGATES,
    Edition,
    Shape,
    Suffix,
    Writer,
    aggregates,
    domain_item,
    parse_events,
)
from mgframe.simulator.bounces import classification
from mgframe.simulator.faults import Answer, Fault
from mgframe.simulator.logs import Logs
from mgframe.simulator.metric_answers import MetricsApi
from mgframe.simulator.model import Model, Where
from mgframe.simulator.windows import (
    BadRequest,
    Window,
    parse_moment,
    parse_resolution,
    parse_window,
    single_bucket,
)

#: What ``limit`` of the snapshot means: rows to skip, or the size of the page.
Limit = Literal["skip", "size"]

_NOT_FOUND: Final = Answer(
    404, "404 page not found\n", "text", (("X-Content-Type-Options", "nosniff"),)
)
_MAGNIFICENT: Final = Answer(200, "Mailgun Magnificent API", "text")
FORBIDDEN: Final = Answer(401, "Forbidden", "text", (("WWW-Authenticate", 'Basic realm="MG API"'),))
_GROUPS: Final = (
    "total",
    "time",
    "day",
    "month",
    "domain",
    "ip",
    "provider",
    "tag",
    "country",
    "subaccount",
    "ip_pool",
)
_FILTERS: Final = ("domain", "subaccount", "ip_pool", "provider", "tag", "ip", "country")


class Problem(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.answer = Answer(status, json.dumps({"message": message}, separators=(",", ":")) + "\n")


@dataclass(frozen=True)
class Asked:
    """A request that was let in: its arguments, and the domains that it may see.

    `body` are the members of the JSON object that was posted, empty for a GET; `url` is where the
    server was asked, ``http://127.0.0.1:8025``.
    """

    arguments: Mapping[str, Sequence[str]]
    domains: Sequence[Domain]
    whole: bool
    body: Mapping[str, Any] = field(default_factory=dict)
    url: str = ""

    def get(self, name: str) -> str | None:
        """Return an argument's first value, None where it is missing or empty."""
        return next(iter(self.arguments.get(name, ())), None) or None

    def every(self, name: str) -> Sequence[str]:
        """Return every value of an argument."""
        return self.arguments.get(name, ())

    def names(self) -> tuple[str, ...] | None:
        """Return the names of the domains it may see, None where that is all."""
        return None if self.whole else tuple(domain.name for domain in self.domains)

    def where(self) -> dict[str, list[str]]:
        """Return the filter that keeps a subaccount to its own domains."""
        return {} if self.whole else {"domain": [domain.name for domain in self.domains]}

    def domain(self, name: str) -> Domain:
        """Return a domain by its name."""
        for domain in self.domains:
            if domain.name == name.lower():
                return domain
        raise Problem(404, "domain not found")


class Api:
    """Answers requests about a simulated account; the parameters are those of ``Simulator``."""

    def __init__(
        self,
        model: Model,
        *,
        shape: Shape = "member",
        limit: Limit = "skip",
        edition: Edition = "2026",
        suffix: Suffix = "UTC",
        page: int = 100,
        singular: bool = False,
        explicit_resolution: bool = False,
        apart: bool = False,
        **metrics: Any,
    ) -> None:
        if limit not in get_args(Limit):
            raise ValueError(f"limit={limit!r}: one of {', '.join(get_args(Limit))}")
        self.model = model
        self._limit, self._page = limit, page
        self._singular, self._explicit = singular, explicit_resolution
        self._apart = apart
        self._logs = Logs(model)
        self._writer = Writer(shape, edition, suffix)
        self._metrics_api = MetricsApi(model, **metrics)
        self._routes: list[tuple[str, re.Pattern[str], Callable[..., Any]]] = [
            (method, re.compile(path), view) for method, path, view in self._table()
        ]

    def _table(self) -> list[tuple[str, str, Callable[..., Any]]]:
        """Return every route: method, path, and the view that takes its groups."""
        return [
            ("GET", r"/v3/stats/total", self._account_totals),
            ("GET", r"/v3/stats/total/domains", self._snapshot),
            ("GET", r"/v3/stats/filter", self._filtered),
            ("GET", r"/v3/(.*)/stats/total", self._domain_totals),
            ("GET", rf"/v3/(.*)/aggregates/({'|'.join(AGGREGATES)})", self._aggregates),
            ("GET", r"/v3/(.*)/tag/stats", self._tag_totals),
            ("GET", r"/v3/(.*)/tag/stats/aggregates", self._tag_aggregates),
            ("GET", r"/v3/(.*)/tags", self._tags),
            ("POST", r"/v1/analytics/metrics", self._metrics),
            ("POST", r"/v1/analytics/usage/metrics", self._usage),
            ("POST", r"/v1/analytics/tags", self._account_tags),
            ("POST", r"/v1/analytics/logs", self._log_lines),
            ("POST", r"/v2/bounce-classification/metrics", self._bounces),
            ("GET", r"/v4/domains", self._directory),
            ("GET", r"/v5/accounts/subaccounts", self._subaccounts),
            ("GET", r"/simulator/incidents", self._incidents),
        ]

    def answer(
        self,
        method: str,
        path: str,
        arguments: Mapping[str, Sequence[str]],
        *,
        body: str = "",
        url: str = "",
        subaccount: str | None = None,
        fault: Fault | None = None,
    ) -> Answer:
        """Return the answer to a request that carries the right key."""
        try:
            for routed, pattern, view in self._routes:
                if routed == method and (match := pattern.fullmatch(path)):
                    members = _parse_body(body) if method == "POST" else {}
                    asked = self._let_in(arguments, members, url, subaccount)
                    return self._viewed(view, asked, match.groups(), fault)
        except BadRequest as error:
            return Problem(400, str(error)).answer
        except Problem as problem:
            return problem.answer
        if path.startswith("/v1/"):
            return Answer(404, '{"error":"page not found"}\n')
        return _NOT_FOUND

    def _viewed(
        self,
        view: Callable[..., Any],
        asked: Asked,
        parts: tuple[str, ...],
        fault: Fault | None,
    ) -> Answer:
        # What the real API says where a slash, or nothing, stands for a domain.
        if parts and (not parts[0] or "/" in parts[0]):
            return _MAGNIFICENT
        payload = view(asked, *parts)
        if fault is not None:
            fault.spoil(payload)
        return Answer(200, json.dumps(payload, separators=(",", ":")) + "\n")

    def _let_in(
        self,
        arguments: Mapping[str, Sequence[str]],
        body: Mapping[str, Any],
        url: str,
        subaccount: str | None,
    ) -> Asked:
        domains = self.model.domains
        if subaccount is None:
            included = body.get("include_subaccounts") or "true" in [
                text.lower() for text in arguments.get("include_subaccounts", ())
            ]
            if self._apart and not included:
                domains = tuple(domain for domain in domains if domain.subaccount is None)
            return Asked(arguments, domains, domains is self.model.domains, body, url)
        if subaccount not in self.model.subaccounts:
            raise Problem(403, "Forbidden")
        own = [domain for domain in domains if domain.subaccount == subaccount]
        return Asked(arguments, own, False, body, url)

    def _window(self, asked: Asked) -> Window:
        return parse_window(
            self.model.now,
            start=asked.get("start"),
            end=asked.get("end"),
            resolution=asked.get("resolution"),
            duration=asked.get("duration"),
            explicit_resolution=self._explicit,
        )

    def _account_totals(self, asked: Asked) -> Any:
        events = parse_events(asked.every("event"))
        return self._totals(self._window(asked), events, asked.where())

    def _domain_totals(self, asked: Asked, name: str) -> Any:
        domain = asked.domain(name)
        events = parse_events(asked.every("event"))
        return self._totals(self._window(asked), events, {"domain": [domain.name]})

    def _totals(self, window: Window, events: Sequence[str], where: Where) -> Any:
        counts = self.model.tally(window, where=where).counts[0]
        return self._writer.totals(window, counts, events)

    def _snapshot(self, asked: Asked) -> Any:
        events = parse_events(asked.every("event"))
        resolution = parse_resolution(asked.get("resolution"))
        moment = asked.get("timestamp")
        if moment is None:
            raise BadRequest("Missing mandatory parameter: timestamp")
        window = single_bucket(parse_moment(moment, "timestamp"), resolution)
        number = _number(asked.get("limit"), "limit", None)
        skip, size = (number or 0, self._page) if self._limit == "skip" else (0, number)
        rows = asked.domains[skip : skip + (self._page if size is None else size)]
        tally = self.model.tally(window, by=["domain"], where={"domain": [d.name for d in rows]})
        tally = tally.with_keys([(domain.name,) for domain in rows])
        return self._writer.grouped(window, tally, events, "domain")

    def _filtered(self, asked: Asked) -> Any:
        events = parse_events(asked.every("event"))
        window = self._window(asked)
        where = {**_parse_filters(asked.every("filter"))}
        if not asked.whole:
            allowed = asked.where()["domain"]
            where["domain"] = [d for d in where.get("domain", allowed) if d in allowed]
        group = asked.get("group") or "time"
        if group not in _GROUPS:
            raise BadRequest(f"'{group}' is not a valid group")
        if group in ("day", "month"):
            window = window.at(group)
        if group in ("time", "day", "month"):
            return self._totals(window, events, where)
        if group == "total":
            return self._whole(window, events, where)
        tally = self.model.tally(window, by=[group], where=where)
        return self._writer.grouped(window, tally, events, group)

    def _whole(self, window: Window, events: Sequence[str], where: Where) -> Any:
        counts = self.model.tally(window, where=where).counts[0]
        whole = Window(window.starts[:1], window.resolution)
        return {
            **self._writer.totals(whole, counts.sum(axis=0, keepdims=True), events),
            "end": self._writer.moment(window.starts[-1]),
        }

    def _aggregates(self, asked: Asked, name: str, kind: str) -> Any:
        return aggregates(self.model, asked.domain(name), kind, singular=self._singular)

    def _tag_totals(self, asked: Asked, name: str) -> Any:
        domain, tag = self._tag(asked, name)
        events, window = parse_events(asked.every("event")), self._window(asked)
        return tags.tag_totals(self._writer, self.model, window, domain, tag, events)

    def _tag_aggregates(self, asked: Asked, name: str) -> Any:
        domain, tag = self._tag(asked, name)
        return tags.tag_aggregates(self.model, domain, tag, asked.get("type"))

    def _tag(self, asked: Asked, name: str) -> tuple[Domain, str]:
        domain, text = asked.domain(name), asked.get("tag")
        if text is None:
            raise BadRequest("Missing mandatory parameter: tag")
        tag = tags.find_tag(domain, text)
        if tag is None:
            raise Problem(404, "Tag not found")
        return domain, tag

    def _tags(self, asked: Asked, name: str) -> Any:
        domain = asked.domain(name)
        arguments = {name: asked.get(name) for name in ("page", "tag", "limit", "prefix")}
        return tags.tag_page(self.model, domain, f"{asked.url}/v3/{domain.name}/tags", arguments)

    def _metrics(self, asked: Asked) -> Any:
        return self._metrics_api.metrics(asked.body, asked.names())

    def _usage(self, asked: Asked) -> Any:
        return self._metrics_api.usage(asked.body, asked.names())

    def _log_lines(self, asked: Asked) -> Any:
        return self._logs.page(asked.body, asked.domains)

    def _account_tags(self, asked: Asked) -> Any:
        return tags.account_tags(self.model, asked.domains, asked.body)

    def _subaccounts(self, asked: Asked) -> Any:
        return tags.subaccount_page(self.model, asked.get("limit"), asked.get("skip"))

    def _bounces(self, asked: Asked) -> Any:
        names = [domain.name for domain in asked.domains]
        return classification(self.model, names, asked.body)

    def _directory(self, asked: Asked) -> Any:
        limit = _number(asked.get("limit"), "limit", 1000)
        skip = _number(asked.get("skip"), "skip", None) or 0
        state = asked.get("state")
        listed = [d for d in asked.domains if state is None or d.state == state]
        page = listed[skip : skip + (100 if limit is None else limit)]
        items = [domain_item(self.model, domain) for domain in page]
        return {"total_count": len(listed), "items": items}

    def _incidents(self, _: Asked) -> Any:
        return {"incidents": [incident.as_json() for incident in self.model.incidents]}


def _parse_body(text: str) -> dict[str, Any]:
    """Return the members of a posted JSON object; nothing posted is an empty one."""
    try:
        body = json.loads(text) if text.strip() else {}
    except ValueError:
        raise BadRequest("invalid request body: it is not JSON") from None
    if not isinstance(body, dict):
        raise BadRequest("invalid request body: it is not a JSON object")
    return body


def _parse_filters(texts: Sequence[str]) -> dict[str, list[str]]:
    where: dict[str, list[str]] = {}
    for text in texts:
        attribute, _, value = text.partition(":")
        if attribute not in _FILTERS or not value:
            raise BadRequest(f"'{attribute}' is not a valid filter predicate attribute")
        where.setdefault(attribute, []).append(value)
    return where


def _number(text: str | None, name: str, most: int | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or (most is not None and not 0 < int(text) <= most):
        raise BadRequest(f"'{name}' parameter is invalid")
    return int(text)
