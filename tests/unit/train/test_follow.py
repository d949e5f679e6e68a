import json

from hypothesis import given
from hypothesis import strategies as st

from smallscale_ci.train.follow import Follower, Point, curve, parse, progress


def line(step: int, **changes: object) -> str:
    value = {
        "current_steps": step,
        "total_steps": 9,
        "loss": 0.5 / step,
        "accuracy": 0.75,
        "margin": -0.1,
        "total_tokens": 100 * step,
        "time": 1000.0 + 2 * step,
        **changes,
    }
    return json.dumps({key: value[key] for key in value if value[key] is not None})


def test_a_line_of_the_log() -> None:
    assert parse(line(2)) == Point(2, 9, 0.25, 0.75, -0.1, 200, 1004.0)
    assert parse(line(2, accuracy=None, margin=None)).margin is None
    assert parse(line(9, loss=None)) is None  # the line of the end
    assert parse(line(2, loss=float("nan"))) is None
    assert parse("[]") is None


@given(st.text())
def test_no_line_raises(text: str) -> None:
    assert parse(text) is None or isinstance(parse(text), Point)


@given(
    st.lists(st.integers(1, 9), max_size=12),
    st.lists(st.integers(1, 40), min_size=1, max_size=40),
)
def test_however_the_log_grows_each_line_is_read_once(
    tmp_path_factory, steps: list[int], cuts: list[int]
) -> None:
    data = "".join(f"{line(step)}\n" for step in steps).encode()
    path = tmp_path_factory.mktemp("log") / "trainer_log.jsonl"
    follower, found = Follower(path), []
    assert follower.read() == []
    at = 0
    with path.open("ab") as stream:
        for cut in [*cuts, len(data)]:
            stream.write(data[at : at + cut])
            stream.flush()
            at += cut
            found += follower.read()
    assert [point.step for point in found] == steps
    assert follower.read() == []


def test_a_session_that_goes_on_skips_what_was_there(tmp_path) -> None:
    path = tmp_path / "log"
    path.write_text(f"{line(1)}\n{line(2)}\n")
    follower = Follower(path, skip=True)
    with path.open("a") as stream:
        stream.write(f"{line(2, loss=0.1)}\n{line(3)}\n")
    assert [point.step for point in follower.read()] == [2, 3]


def test_steps_that_were_repeated_count_once_with_their_last_value() -> None:
    points = [parse(line(step)) for step in (1, 2, 3)] + [parse(line(2, loss=0.1))]
    assert [(point.step, point.loss) for point in curve(points)] == [
        (1, 0.5),
        (2, 0.1),
        (3, 0.5 / 3),
    ]


def test_speed_and_time_left_are_of_this_session() -> None:
    assert progress([]) is None
    one = progress([parse(line(4))])
    assert (one.tokens_per_s, one.seconds_left) == (0.0, None)
    found = progress([parse(line(4)), parse(line(5)), parse(line(7))])
    assert found.tokens_per_s == 50.0  # 300 tokens in 6 s
    assert found.seconds_left == 4.0  # 2 steps of 2 s
    assert found.words() == (
        "step 7/9 · loss 0.0714 · reward accuracy 75% · margin -0.1000 · 50 tokens/s · 0:04 left"
    )
