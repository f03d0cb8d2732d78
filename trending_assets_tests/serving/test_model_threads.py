"""Models that nobody waits for any more: those that run keep their thread, the others never begin."""

import asyncio
import threading

from serving.model_threads import ModelThreads


def test_no_more_run_than_there_are_threads_and_what_has_not_begun_never_does() -> None:
    threads, may_end, begun = ModelThreads(2), threading.Event(), list[int]()

    def act(number: int) -> int:
        begun.append(number)
        may_end.wait(30)
        return number

    async def give_up_on_all_and_ask_again() -> int:
        for number in range(6):
            try:
                async with asyncio.timeout(0.05):
                    await threads.run(act, number)
            except TimeoutError:
                continue
        asyncio.get_running_loop().call_later(0.05, may_end.set)
        return await threads.run(act, 6)

    assert asyncio.run(give_up_on_all_and_ask_again()) == 6
    assert begun == [0, 1, 6]


def test_who_starts_again_gets_other_threads() -> None:
    threads = ModelThreads(1)
    assert asyncio.run(threads.run(abs, -1)) == 1
    threads.close()
    assert asyncio.run(threads.run(abs, -2)) == 2
