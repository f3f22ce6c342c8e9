from __future__ import annotations

from filebody.receiver._holds import Hold, Holds


def test_one_at_a_time() -> None:
    holds = Holds()
    evicted: list[str] = []
    granted: list[Hold] = []
    first, second, third = (
        holds.take("a", lambda name=name: evicted.append(name))  # type: ignore[misc]
        for name in ("first", "second", "third")
    )
    for hold in (first, second, third):
        hold.granted.addCallback(granted.append)
    assert evicted == ["first", "first", "second"]
    assert granted == [first]
    holds.release(second)  # it has not waited for its turn
    assert granted == [first]
    holds.release(first)
    assert granted == [first, third]
    holds.release(first)
    holds.release(third)
    assert holds.held() == ()


def test_each_upload_for_itself() -> None:
    holds = Holds()
    one, other = holds.take("a", lambda: None), holds.take("b", lambda: None)
    assert one.granted.called
    assert other.granted.called
    assert holds.held() == ("a", "b")


def test_who_lets_go_when_evicted() -> None:
    holds = Holds()
    claims: list[Hold] = []
    claims.append(holds.take("a", lambda: holds.release(claims[0])))
    claims.append(holds.take("a", lambda: None))
    assert claims[1].granted.called
