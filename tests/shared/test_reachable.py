"""A call that waits for a process that is gone."""

import socket
import threading
import time

import pytest

from shared import reachable


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    monkeypatch.setattr(reachable, "PATIENCE", 0.05)


def listening():
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(5)
    return server, "127.0.0.1:%d" % server.getsockname()[1]


def test_an_answer_is_waited_for_while_the_process_is_there():
    server, address = listening()
    with server:
        call = reachable.while_there(lambda wait, more=0: time.sleep(wait) or more, address)
        assert call(0.3, more=5) == 5


def test_a_process_that_is_gone_is_noticed():
    server, address = listening()
    answer = threading.Event()
    call = reachable.while_there(answer.wait, address)
    threading.Timer(0.2, server.close).start()
    with pytest.raises(ConnectionError, match="nothing answers at 127"):
        call(60)
    answer.set()


def test_what_the_call_raises_is_raised():
    server, address = listening()
    with server, pytest.raises(ZeroDivisionError):
        reachable.while_there(lambda: 1 / 0, address)()
