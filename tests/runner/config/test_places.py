"""Where the checkout is, whether the package runs from it, was installed from it, or has lost it."""

import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from experiments.config import places
from tests.runner.composed import CHECKOUT, CONF


class Distribution:
    """What an installed package knows of its origin."""

    def __init__(self, url: str | None) -> None:
        self._url = url

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self._url is None else json.dumps({"url": self._url, "dir_info": {}})


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation: `conf` beside no pyproject.toml, and a current folder of no meaning."""
    monkeypatch.setattr(places, "CONF", tmp_path / "site-packages" / "conf")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


def test_files_are_found_beside_the_package() -> None:
    assert places.CONF == CONF


def test_checkout_is_where_the_package_lies() -> None:
    assert places.checkout() == CHECKOUT


def test_checkout_is_where_the_package_was_installed_from(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = installed / "my checkout"
    origin.mkdir()
    (origin / "pyproject.toml").touch()
    monkeypatch.setattr(places, "distribution", lambda _: Distribution(origin.as_uri()))
    assert places.checkout() == origin


def test_current_folder_stands_in_for_a_checkout_that_is_gone(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "distribution", lambda _: Distribution((installed / "gone").as_uri()))
    assert places.checkout() == installed / "elsewhere"


@pytest.mark.parametrize("url", [None, "https://example.org/cnn.whl"])
def test_current_folder_stands_in_where_no_checkout_is_recorded(
    installed: Path, monkeypatch: pytest.MonkeyPatch, url: str | None
) -> None:
    monkeypatch.setattr(places, "distribution", lambda _: Distribution(url))
    assert places.checkout() == installed / "elsewhere"


def test_current_folder_stands_in_where_nothing_is_installed(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def distribution(name: str) -> Distribution:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(places, "distribution", distribution)
    assert places.checkout() == installed / "elsewhere"
