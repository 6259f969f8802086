"""``python -m airflow_provider_hads.commands.demo``: one job on a cloud in a box, from files to results."""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn, TextIO

from airflow_provider_hads.commands.demo_bucket import is_result, restore_bucket, save_bucket
from airflow_provider_hads.commands.demo_happenings import Happening, Hibernation
from airflow_provider_hads.commands.demo_story import tell_story
from airflow_provider_hads.exceptions import HadsError

__all__ = ["main"]

AIRFLOW = str(Path(sys.executable).with_name("airflow"))
IMAGES = ("synthetic",)
INTERRUPTED = 130
END_SECONDS = 5.0
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class DemoFolder:
    """The files of the demo: an Airflow of its own, its log, and the bucket.

    :param path: the folder; it is kept from one demo to the next.
    """

    def __init__(self, path: Path) -> None:
        self.cloud = path / "cloud"
        self.airflow = path / "airflow"
        self.bucket = path / "bucket"
        self.log = path / "airflow.log"
        self._template = path / f"airflow-{version('apache-airflow')}.db"
        self._lock = path / "lock"
        self.airflow.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Be the only demo that uses the folder.

        :raises HadsError: another one does.
        """
        with self._lock.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise HadsError("another demo is running; wait for its end, or end it with Ctrl-C") from None
            yield

    def environment(self, dags: Path, of_cloud: Mapping[str, str]) -> dict[str, str]:
        """Return this process's environment, with the demo's own Airflow instead of the user's.

        :param dags: folder of the DAG files, with the jobs in ``jobs``.
        :param of_cloud: the variables that point at the local cloud.
        """
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "AWS_"))
        }
        own = {
            "AIRFLOW_HOME": str(self.airflow),
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.airflow / 'airflow.db'}",
            "AIRFLOW__HADS__JOBS_FOLDER": str(dags / "jobs"),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "NO_COLOR": "1",
            "PYTHONUNBUFFERED": "1",
        }
        return {**kept, **own, **of_cloud}

    def make_database(self, environment: Mapping[str, str]) -> None:
        """Give the run an empty database; only the first demo waits for its tables to be made."""
        database = self.airflow / "airflow.db"
        database.unlink(missing_ok=True)
        if not self._template.exists():
            print("Making Airflow's database, the first time only ...")
            with self.log.open("w") as log:
                subprocess.run(
                    [AIRFLOW, "db", "migrate"],
                    env=dict(environment),
                    stdout=log,
                    stderr=log,
                    timeout=300,
                    check=True,
                )
            database.replace(self._template)
        shutil.copy(self._template, database)


def run_dag(
    dag_id: str, folder: DemoFolder, environment: Mapping[str, str], happening: Happening | None = None
) -> int:
    """Run the DAG, tell its story as it happens, and return the exit code.

    Its whole output goes into the log file. The process is in a session of its own, so that Ctrl-C reaches
    it once, from here.

    :param happening: is shown each line of the story, and may let something happen then.
    """
    process = subprocess.Popen(
        [AIRFLOW, "dags", "test", dag_id],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        with folder.log.open("w", buffering=1) as log:
            for line in tell_story(copy_to(log, process.stdout or ())):
                print(line, flush=True)
                if happening is not None:
                    happening.follow(line)
        return process.wait()
    finally:
        end_run(process)


def copy_to(log: TextIO, lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines, each once it is in the log."""
    for line in lines:
        log.write(line)
        yield line


def end_run(process: subprocess.Popen[str]) -> None:
    """Interrupt the run if it is still going: it ignores SIGTERM."""
    if process.poll() is None:
        print("\nEnding the run ...", flush=True)
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=END_SECONDS)
    if process.poll() is None:
        process.kill()
        process.wait()


def show_results(new: Sequence[Path], folder: Path) -> None:
    """Say where the run's results are, and print the first of them."""
    files = [path for path in new if is_result(path, folder)]
    if not files:
        print("\nNo task has published a result.")
        return
    print(f"\nResults in the bucket, which is kept in {folder}:")
    for file in files:
        print(f"  {file.relative_to(folder)}  ({file.stat().st_size} bytes)")
    print(f"\n{files[0].relative_to(folder)}:")
    print("\n".join(f"  {line}" for line in shorten(files[0].read_text(errors="replace").splitlines())))


def shorten(lines: Sequence[str], head: int = 12, tail: int = 3) -> list[str]:
    """Return the first and the last lines of a long text, with a mark between them."""
    if len(lines) <= head + tail + 1:
        return list(lines)
    return [*lines[:head], "...", *lines[-tail:]]


def run_demo(dag_id: str, dags: Path, folder: DemoFolder, hibernate: str | None = None) -> int:
    """Start the cloud, run the DAG, show its results, and end the cloud whatever happens.

    :param hibernate: id of the spot VM that EC2 hibernates when its tasks run; None is none.
    """
    from airflow_provider_hads.local_cloud import LocalCloud, UpOptions

    print("Starting the local cloud ...", flush=True)
    LocalCloud.remove(folder.cloud)  # what a demo that was killed may have left
    cloud = LocalCloud.start(folder.cloud, UpOptions(images=IMAGES))
    try:
        s3 = cloud.client("s3")
        restore_bucket(s3, cloud.bucket, folder.bucket)
        environment = folder.environment(dags, cloud.environment())
        folder.make_database(environment)
        print(f"Running: airflow dags test {dag_id}   (Airflow's whole log: {folder.log})\n", flush=True)
        happening = None if hibernate is None else Hibernation(cloud, hibernate)
        code = run_dag(dag_id, folder, environment, happening)
        show_results(save_bucket(s3, cloud.bucket, folder.bucket), folder.bucket)
    finally:
        for number in ENDING_SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C would leave VMs behind
        cloud.down()
        print("\nThe local cloud is down: nothing is left running.", flush=True)
    if code != 0:
        print(f"The run failed; its log: {folder.log}", file=sys.stderr)
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo.

    :param arguments: the command line; None is the process's own.
    :return: exit code: 0, 1 if the run failed, 130 if it was interrupted.
    """
    from airflow_provider_hads.local_cloud.state import default_state_folder

    parser = argparse.ArgumentParser(prog="demo", description="Run one job on a cloud in a box.")
    parser.add_argument("dag_id", nargs="?", default="example", help="DAG to run: a folder in dags/jobs")
    parser.add_argument("--dags", type=Path, default=Path("dags"), help="folder of the DAG files")
    parser.add_argument(
        "--hibernate", metavar="VM", help="spot VM that hibernates for good when its tasks run"
    )
    options = parser.parse_args(arguments)
    for number in ENDING_SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, _interrupt)
    folder = DemoFolder(default_state_folder().parent / "demo")
    try:
        with folder.in_use():
            return run_demo(options.dag_id, options.dags.resolve(), folder, options.hibernate)
    except HadsError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
