"""Worker processes that may be timed out, killed and interrupted without loss of the others.

There is no retry within a run: a task whose worker crashed is a ``Failure``, and the next run
computes the cell again (``results.store.Record.unfinished`` says which).
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as CellTimeout
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from queue import Empty, SimpleQueue
from typing import Literal, TypeVar

from pebble import ProcessExpired, ProcessPool

Task = TypeVar("Task")
Result = TypeVar("Result")

_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)


@dataclass(frozen=True)
class Failure:
    """The reason why a task has no result."""

    status: Literal["error", "timeout", "crashed", "interrupted"]
    message: str


def processors() -> int:
    """The number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_workers(
    work: Callable[[Task], Result],
    tasks: Sequence[Task],
    jobs: int,
    timeout: float,
    idle: Callable[[], None],
) -> Iterator[tuple[Task, Result | Failure]]:
    """Results of ``work`` in the order in which they come; one thread of BLAS and torch a process.

    The processes are spawned, not forked: they inherit no thread and no lock, and import the main
    module anew. They end with this one, even if it is killed. Ctrl-C raises nothing here: the tasks
    in flight are given back as interrupted, and nothing more; a second one is as usual.

    Parameters
    ----------
    work : callable of one task, found by its module and name
    tasks : sequence
    jobs : int >= 1
        Number of processes.
    timeout : float > 0
        Seconds a task may take; the process of a task that takes longer is killed.
    idle : callable
        Called when a second has passed without a result.
    """
    if not tasks:
        return
    finished: SimpleQueue[Future[Result] | None] = SimpleQueue()  # None: Ctrl-C
    waiting: dict[Future[Result], Task] = {}
    spawning = multiprocessing.get_context("spawn")
    pool = ProcessPool(jobs, initializer=_end_with_parent, context=spawning)
    try:
        with _environment(_ONE_THREAD), _on_interrupt(lambda: finished.put(None)):
            with _interrupts_blocked():
                for task in tasks:
                    scheduled = pool.schedule(work, args=(task,), timeout=timeout)
                    waiting[scheduled] = task
                    scheduled.add_done_callback(finished.put)
            while waiting:
                try:
                    future = finished.get(timeout=1)
                except Empty:
                    idle()
                    continue
                if future is None:
                    break
                error = future.exception()
                result = _failure(error, timeout) if error else future.result()
                yield waiting.pop(future), result
        for future, task in waiting.items():
            if future.running():
                yield task, Failure("interrupted", "stopped by the user")
    finally:
        pool.stop()  # type: ignore[no-untyped-call]  # pebble has no annotation there
        pool.join()


def _end_with_parent() -> None:
    """End this worker when its parent dies: the next run may write to the same files."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # this is a worker

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _failure(error: BaseException, timeout: float) -> Failure:
    if isinstance(error, CellTimeout):
        return Failure("timeout", f"took longer than {timeout:g} seconds")
    if isinstance(error, ProcessExpired):
        return Failure("crashed", _death(error.exitcode))
    return Failure("error", f"{type(error).__name__}: {error}")


def _death(exit_code: int) -> str:
    if exit_code >= 0:
        return f"the worker process ended with exit code {exit_code}"
    hint = ", perhaps for want of memory" if -exit_code == signal.SIGKILL else ""
    return f"the worker process was killed by signal {-exit_code}{hint}"


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Variables for the processes started inside; libraries read them when they are loaded."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _on_interrupt(act: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C calls ``act``, where this thread may decide that."""
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or usual == signal.SIG_IGN:
        yield
        return

    def handle(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, usual)
        act()

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Threads and processes started inside never get Ctrl-C; this thread gets it afterwards."""
    resource_tracker.ensure_running()  # spawning would start it, and let Ctrl-C in again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
