"""How long one waits after how many failures."""

from dashboards.access.backoff import ACCOUNT, ADDRESS, CAPACITY, Backoff
from twin.clock import ManualClock


def fail(backoff, clock, account, address):
    clock.advance(backoff.wait_s(account, address))
    backoff.tried(account, address)
    return backoff.wait_s(account, address)


def test_waits_double_up_to_the_longest():
    clock = ManualClock(1)
    backoff = Backoff(clock)
    waits = [fail(backoff, clock, "kim", f"10.0.0.{i}") for i in range(14)]
    assert waits[: ACCOUNT.free + 1] == [0, 0, 0, 0, 1, 2]
    assert waits[-3:] == [ACCOUNT.longest_s] * 3


def test_an_address_waits_whatever_names_it_tries():
    clock = ManualClock(1)
    backoff = Backoff(clock)
    waits = [fail(backoff, clock, f"name-{i}", "10.0.0.7") for i in range(40)]
    assert waits[ADDRESS.free - 2 : ADDRESS.free + 2] == [0, 1, 2, 4]
    assert waits[-1] == ADDRESS.longest_s
    assert backoff.wait_s("kim", "10.0.0.8") == 0


def test_who_succeeds_begins_anew():
    clock = ManualClock(1)
    backoff = Backoff(clock)
    for _ in range(6):
        fail(backoff, clock, "kim", "10.0.0.7")
    backoff.tried("kim", "10.0.0.7")
    backoff.succeeded("kim", "10.0.0.7")
    assert backoff.wait_s("kim", "10.0.0.7") == 0
    assert backoff._failed["address", "10.0.0.7"][0] == 6, "of the address only the try that was right"


def test_failures_are_forgotten_and_bounded():
    clock = ManualClock(1)
    backoff = Backoff(clock)
    for _ in range(8):
        fail(backoff, clock, "kim", "10.0.0.7")
    clock.advance(3601)
    assert backoff.wait_s("kim", "10.0.0.7") == 0
    backoff.tried("kim", "10.0.0.7")
    assert backoff._failed["account", "kim"][0] == 1
    for i in range(CAPACITY):
        backoff.tried(f"name-{i}", f"address-{i}")
    assert len(backoff._failed) == CAPACITY
