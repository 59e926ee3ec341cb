"""Ctrl-C: the first signal only asks, the second one acts, the former handlers come back."""

import os
import signal
import threading

import pytest

from shared.interrupt import Interrupt

SIGNALS = [signal.SIGINT, signal.SIGTERM]


class Stopped(Exception):
    pass


@pytest.fixture(params=SIGNALS)
def number(request):
    """A signal whose handler raises Stopped."""

    def stop(number, frame):
        raise Stopped

    former = signal.signal(request.param, stop)
    yield request.param
    signal.signal(request.param, former)


def test_the_first_signal_asks_and_the_second_one_acts(number):
    with Interrupt() as interrupt:
        assert not interrupt.requested
        os.kill(os.getpid(), number)
        assert interrupt.requested
        with pytest.raises(Stopped):
            os.kill(os.getpid(), number)
    assert interrupt.requested


@pytest.mark.parametrize("asked", [False, True])
def test_the_former_handlers_come_back(number, asked):
    before = [signal.getsignal(each) for each in SIGNALS]
    with Interrupt():
        assert [signal.getsignal(each) for each in SIGNALS] != before
        if asked:
            os.kill(os.getpid(), number)
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_the_former_handlers_come_back_after_an_error(number):
    before = signal.getsignal(number)
    with pytest.raises(ZeroDivisionError), Interrupt():
        raise ZeroDivisionError
    assert signal.getsignal(number) is before


def test_other_threads_can_enter_it():
    seen = []

    def enter():
        with Interrupt() as interrupt:
            seen.append(interrupt.requested)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [False]
