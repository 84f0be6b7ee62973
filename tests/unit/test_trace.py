"""trace: what is kept of invocations, how much of it, and who hears of it."""

from __future__ import annotations

from funcjson.trace import MOST_LINES, InvocationTrace, Recorder, Step


def finished(recorder: Recorder, name: str, weight: int = 0) -> InvocationTrace:
    trace = recorder.begin(name, "f")
    trace.add(Step.ARRIVED, {"event": name})
    trace.weight = weight
    recorder.end(trace, "succeeded")
    return trace


def test_only_the_last_ones_are_kept() -> None:
    recorder = Recorder(limit=2)

    for name in "abc":
        finished(recorder, name)

    assert [trace.id for trace in recorder] == ["b", "c"]
    assert recorder.find("a") is None
    assert recorder.find("c") is not None


def test_large_bodies_push_out_older_ones() -> None:
    recorder = Recorder(most_bytes=100)

    for name in "abc":
        finished(recorder, name, weight=40)

    assert [trace.id for trace in recorder] == ["b", "c"]


def test_one_that_is_too_large_alone_keeps_its_head_only() -> None:
    recorder = Recorder(most_bytes=100)
    finished(recorder, "small", weight=40)

    trace = finished(recorder, "huge", weight=1000)

    assert trace.forgotten
    assert trace.events == []
    assert [one.id for one in recorder] == ["small", "huge"]


def test_an_invocation_that_outlived_its_place_is_not_counted() -> None:
    recorder = Recorder(limit=1, most_bytes=100)
    slow = recorder.begin("slow", "f")
    slow.weight = 90
    finished(recorder, "next", weight=90)

    recorder.end(slow, "succeeded")

    assert [trace.id for trace in recorder] == ["next"]


def test_lines_go_to_the_invocation_that_runs_and_are_bounded() -> None:
    recorder = Recorder()
    trace = recorder.begin("one", "f")

    for number in range(MOST_LINES + 5):
        recorder.note("one", "information", f"line {number}")
    recorder.note("other", "information", "not here")
    recorder.end(trace, "succeeded")
    recorder.note("one", "information", "too late")

    assert len(trace.lines) == MOST_LINES
    assert trace.lines[0].text == "line 0"


def test_listeners_hear_of_each_end_until_they_stop() -> None:
    recorder = Recorder()
    heard: list[str] = []

    def listener(trace: InvocationTrace) -> None:
        heard.append(f"{trace.id} {trace.outcome}")

    recorder.listen(listener)
    finished(recorder, "a")
    recorder.unlisten(listener)
    recorder.unlisten(listener)
    finished(recorder, "b")

    assert heard == ["a succeeded"]


def test_events_have_the_time_since_the_begin() -> None:
    trace = InvocationTrace("id", "f", 0.0)

    trace.add(Step.ARRIVED, {})
    trace.add(Step.CHOSEN, {})

    assert 0 <= trace.events[0].at_s <= trace.events[1].at_s


def test_the_first_event_of_a_step_is_found_alone() -> None:
    trace = InvocationTrace("id", "f", 0.0)
    trace.add(Step.HANDLER, {"call": 1})
    trace.add(Step.HANDLER, {"result": 2})

    assert trace.first(Step.HANDLER) == {"call": 1}
    assert trace.first(Step.DATA) is None
