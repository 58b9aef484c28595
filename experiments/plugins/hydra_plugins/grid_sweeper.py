"""What Hydra calls for `-m` and for `sweep=` presets: the one file that knows Hydra's plugin interface.

Hydra takes plugins only from a namespace of this folder's name, found on the path; `hydra_main` puts it there.
"""

from collections.abc import Mapping
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from experiments.command_line import say_if_default_store
from experiments.config.schema import SweepConfig
from experiments.config.validation import ConfigError


class GridSweeper(Sweeper):
    """Every combination of the values given on the command line and in `hydra.sweeper.params`.

    Hydra's own sweeper would create folders before the first combination is checked, stop at the first failure and
    close nothing; this one composes and checks everything first, then hands over.
    """

    def __init__(self, params: Mapping[str, str] | None = None) -> None:
        self._params = params or {}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what composing a combination takes; the task function is for single runs."""
        del task_function
        self._loader, self._config = hydra_context.config_loader, config

    def sweep(self, arguments: list[str]) -> Any:
        """Run the sweep.

        Raises:
            SweepFailedError: a run has no result.
        """
        # Hydra loads this file at every start, also where only help is asked for.
        from experiments.sweeps.composer import Composer  # noqa: PLC0415  # said above
        from experiments.sweeps.grid import cells  # noqa: PLC0415  # said above
        from experiments.sweeps.sweep import run_sweep  # noqa: PLC0415  # said above

        words = [f"{key}={'null' if value is None else value}" for key, value in self._params.items()] + list(arguments)
        overrides = OverridesParser.create(config_loader=self._loader).parse_overrides(words)
        settings = OmegaConf.to_object(self._config.sweep)
        assert isinstance(settings, SweepConfig)
        for key, value in (("zip", settings.zip), ("exclude", settings.exclude)):
            if not isinstance(value, list):  # OmegaConf does not check what stands behind ${…}
                raise ConfigError(f"sweep.{key}={value}: must be a list")
        planned = cells(overrides, Composer(self._compose, self._is_group), settings.zip, settings.exclude)
        say_if_default_store(planned[0].config)
        run_sweep(planned)

    def _compose(self, words: list[str]) -> DictConfig:
        return self._loader.load_sweep_config(self._config, words)

    def _is_group(self, key: str) -> bool:
        hydra = self._config.hydra
        found = self._loader.get_group_options(
            key, results_filter=None, config_name=hydra.job.config_name, overrides=list(hydra.overrides.hydra)
        )
        return bool(found)
