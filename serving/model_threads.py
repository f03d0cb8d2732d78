"""The threads in which models run."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

from fastapi import Request

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class CallerGoneError(Exception):
    """Whoever asked has left."""


class ModelThreads:
    """So many threads, whether somebody still waits for what they do or not.

    A model that runs cannot be stopped. One whose request has timed out keeps its thread until it is done, so that
    never more of them run than there are threads; one that has not begun by then never does.
    """

    def __init__(self, number: int) -> None:
        """Threads are started as they are needed.

        Args:
            number: how many models run at a time.
        """
        self._number = number
        self._pool = self._new_pool()

    def _new_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._number, thread_name_prefix="model")

    async def run(self, act: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """What a function returns in one of the threads, with the context of the caller."""
        called = partial(copy_context().run, act, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._pool, called)

    async def run_for(
        self, request: Request, act: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """The same for a request whose body was read; what has not begun when its caller leaves never does.

        Raises:
            CallerGoneError: the caller left.
        """
        working = asyncio.ensure_future(self.run(act, *args, **kwargs))
        # Behind the body comes nothing but the end of the connection.
        leaving = asyncio.ensure_future(request.receive())
        try:
            await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise CallerGoneError
            return working.result()
        finally:
            working.cancel()
            leaving.cancel()

    def close(self) -> None:
        """Lets go of the threads; what has begun ends by itself. An app that is started again gets others."""
        pool, self._pool = self._pool, self._new_pool()
        pool.shutdown(wait=False, cancel_futures=True)
