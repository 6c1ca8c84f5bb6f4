"""Every example in a docstring runs and prints what it shows; every public name is documented."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from types import ModuleType

import matplotlib.pyplot as plt
import pandas as pd
import pytest

import mgframe as mg

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = [
    "mgframe",
    *(m.name for m in pkgutil.walk_packages(mg.__path__, "mgframe.") if "__main__" not in m.name),
]
PUBLIC = [getattr(mg, name) for name in mg.__all__]
OF_STATS = ("mgframe.stats_api", "mgframe.aggregates_api", "mgframe.tags_api")
DEPRECATED = [f for f in PUBLIC if inspect.isfunction(f) and f.__module__ in OF_STATS]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name: str) -> None:
    module: ModuleType = importlib.import_module(name)
    with pd.option_context("display.width", 100, "display.max_columns", 12):
        result = doctest.testmod(module, optionflags=FLAGS)
    plt.close("all")
    assert result.failed == 0


@pytest.mark.parametrize("name", mg.__all__)
def test_a_public_name_is_documented(name: str) -> None:
    thing = getattr(mg, name)
    assert inspect.getdoc(thing), name
    if inspect.isfunction(thing):
        text = inspect.getdoc(thing) or ""
        assert "Examples\n---" in text, f"{name} has no example"
        assert "Returns\n---" in text or name == "explain", f"{name} does not say what it returns"


@pytest.mark.parametrize("fetch", DEPRECATED, ids=lambda f: f.__name__)
def test_a_fetch_function_says_that_the_api_is_deprecated(fetch: object) -> None:
    text = inspect.getdoc(fetch) or ""
    assert "deprecated by Mailgun" in text or "provider_aggregates" in text


def test_all_is_what_is_public() -> None:
    eager = {
        "MgAccessor",
        *(e.__name__ for e in PUBLIC if inspect.isclass(e) and issubclass(e, Exception)),
    }
    lazy = {name for names in mg._HOMES.values() for name in names}
    assert set(mg.__all__) == {*eager, *lazy, "plot", "__version__"}


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'mgframe' has no attribute 'domain_total'"):
        mg.domain_total  # noqa: B018
