"""Where the checkout and its configuration are, wherever the command is started and however it was installed."""

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

CONF = Path(__file__).resolve().parents[2] / "conf"


def checkout() -> Path:
    """The checkout this package runs from or was installed from; the current folder if that is gone."""
    if (CONF.parent / "pyproject.toml").is_file():
        return CONF.parent
    try:
        origin = json.loads(distribution("cnn-experiments").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        origin = {}
    folder = Path(unquote(urlsplit(origin.get("url", "")).path) or ".")
    return folder if (folder / "pyproject.toml").is_file() else Path.cwd()
