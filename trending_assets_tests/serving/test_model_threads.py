"""Models that nobody waits for any more: those that run keep their thread, the others never begin."""

import asyncio
import threading

from serving.model_threads import ModelThreads


def test_no_more_run_than_there_are_threads_and_what_has_not_begun_never_does() -> None:
    threads, may_end, begun = ModelThreads(2), threading.Event(), list[int]()
    told = threading.Semaphore(0)

    def act(number: int) -> int:
        begun.append(number)
        told.release()
        may_end.wait(30)
        return number

    async def give_up_on_all_and_ask_again() -> int:
        asked = [asyncio.ensure_future(threads.run(act, number)) for number in range(6)]
        for _ in range(2):
            await asyncio.to_thread(told.acquire)
        for each in asked:
            each.cancel()
        assert {type(each) for each in await asyncio.gather(*asked, return_exceptions=True)} == {asyncio.CancelledError}
        last = asyncio.ensure_future(threads.run(act, 6))
        await asyncio.sleep(0.05)
        assert len(begun) == 2
        may_end.set()
        return await last

    assert asyncio.run(give_up_on_all_and_ask_again()) == 6
    assert sorted(begun) == [0, 1, 6]


def test_who_starts_again_gets_other_threads() -> None:
    threads = ModelThreads(1)
    assert asyncio.run(threads.run(abs, -1)) == 1
    threads.close()
    assert asyncio.run(threads.run(abs, -2)) == 2
