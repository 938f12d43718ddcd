"""ClearML."""

from typing import Any

from tunesmith.specs.blocks.tf2 import ClearML
from tunesmith.training.engine.sinks.base import About, Ending, Point


class ClearMLSink:
    """A task with a tag that names the job, by which a job that goes on finds it again.

    ClearML's own hooks into frameworks, streams and command lines stay out: the curves are what it gets.
    """

    name = "ClearML"

    def __init__(self, about: About, settings: ClearML, *, resumed: bool) -> None:
        """The settings are the section clearml; `resumed` tells that an earlier attempt may have a task."""
        self._about, self._settings, self._resumed = about, settings, resumed
        self._task: Any = None

    def open(self) -> None:
        """Begin the task of this job, or go on with it."""
        from clearml import Task

        own = f"tunesmith {self._about.job_id}"
        found = Task.query_tasks(project_name=self._settings.project, tags=[own]) if self._resumed else []
        self._task = Task.init(
            project_name=self._settings.project,
            task_name=self._settings.task,
            tags=[*self._settings.tags, own],
            reuse_last_task_id=self._settings.reuse_last_task_id,
            continue_last_task=found[0] if found else self._settings.continue_last_task,
            deferred_init=self._settings.deferred_init,
            auto_connect_arg_parser=False,
            auto_connect_frameworks=False,
            auto_connect_streams=False,
            auto_resource_monitoring=False,
        )
        self._task.connect_configuration(dict(self._about.settings), name=self._about.network)

    def record(self, point: Point) -> None:
        """Report an epoch, a plot a metric."""
        logger = self._task.get_logger()
        for name, value in point.values.items():
            logger.report_scalar(title=name, series=name, value=value, iteration=point.epoch)

    def close(self, ending: Ending) -> None:
        """Send what is left, and say how the task ended."""
        if ending is Ending.FAILED:
            self._task.mark_failed(status_message="The job has failed.")
        self._task.close()
