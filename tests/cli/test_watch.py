import pytest

from filebody.cli._watch import Limits, Phase, Sight, Watch

LIMITS = Limits(connect_seconds=3, stall_seconds=5, response_seconds=7, total_seconds=100)
CONNECTING = Sight(Phase.CONNECTING, 0, is_held=False)


def sending(taken_bytes: int, *, is_held: bool = True) -> Sight:
    return Sight(Phase.SENDING, taken_bytes, is_held)


def test_connecting() -> None:
    watch = Watch(LIMITS, 10.0)
    assert watch.look(12.9, CONNECTING) is None
    assert watch.look(13.0, CONNECTING) == "no connection within 3 s"


def test_each_phase_has_its_own_time() -> None:
    watch = Watch(LIMITS, 0.0)
    assert watch.look(2.9, CONNECTING) is None
    assert watch.look(3.1, sending(0)) is None
    assert watch.look(8.0, sending(0)) is None
    assert watch.look(8.1, Sight(Phase.WAITING, 9, is_held=False)) is None
    assert watch.look(15.0, Sight(Phase.WAITING, 9, is_held=False)) is None
    late = watch.look(15.2, Sight(Phase.WAITING, 9, is_held=False))
    assert late == "no answer within 7 s of the last byte"


def test_every_byte_that_is_taken_counts() -> None:
    watch = Watch(LIMITS, 0.0)
    for second in range(1, 40, 4):
        assert watch.look(float(second), sending(second)) is None
    assert watch.look(42.0, sending(37)) == "the server took nothing for 5 s"


def test_a_source_that_is_slow_is_no_stall() -> None:
    watch = Watch(LIMITS, 0.0)
    assert watch.look(1.0, sending(1)) is None
    for second in range(2, 60):
        assert watch.look(float(second), sending(1, is_held=False)) is None


def test_total() -> None:
    watch = Watch(LIMITS, 0.0)
    for second in range(1, 100):
        assert watch.look(float(second), sending(second)) is None
    assert watch.look(100.0, sending(100)) == "not done within 100 s (--max-time)"


def test_no_limits() -> None:
    none = Limits(
        connect_seconds=None, stall_seconds=None, response_seconds=None, total_seconds=None
    )
    watch = Watch(none, 0.0)
    for phase in Phase:
        assert watch.look(1e9, Sight(phase, 0, is_held=True)) is None


@pytest.mark.parametrize(("stall", "look"), [(60.0, 0.1), (0.2, 0.04), (0.001, 0.01)])
def test_looks_often_enough(stall: float, look: float) -> None:
    assert Limits(stall_seconds=stall).look_seconds == pytest.approx(look)
