import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiguan.kernel.orgs import tree

numbers = st.lists(st.integers(1, tree.CHILDREN), max_size=tree.DEPTHS)


def place(path: list[int]) -> tuple[int, int]:
    found = (tree.ROOT_POS, tree.ROOT_END)
    for number in path:
        found = tree.child_range(*found, number)
    return found


@given(numbers, numbers)
def test_a_range_contains_another_exactly_when_its_path_begins_it(one: list[int], other: list[int]) -> None:
    lo, hi = place(one)
    pos, pos_end = place(other)
    assert (lo <= pos and pos_end <= hi) == (other[: len(one)] == one)
    assert 0 < pos <= pos_end < 2**63


@given(numbers)
def test_depth_number_and_path_are_read_back(path: list[int]) -> None:
    lo, hi = place(path)
    assert tree.depth_of(lo, hi) == len(path)
    assert tree.number_of(lo, hi) == (path[-1] if path else 0)
    assert tree.path_positions(lo) == [place(path[:depth])[0] for depth in range(len(path) + 1)]


@given(st.lists(st.integers(1, tree.CHILDREN), min_size=1, max_size=4), numbers, numbers)
def test_moving_keeps_the_path_below(old: list[int], new: list[int], below: list[int]) -> None:
    new = [*new[:4], 7]
    below = below[: tree.DEPTHS - len(old)]
    unit = place([*old, *below])
    if len(new) + len(below) <= tree.DEPTHS:
        assert tree.moved(unit[0], place(old), place(new)) == place([*new, *below])[0]
    else:
        with pytest.raises(tree.Full):
            tree.moved(unit[0], place(old), place(new))


def test_limits() -> None:
    root = (tree.ROOT_POS, tree.ROOT_END)
    assert tree.child_range(*root, 4094)[1] < tree.ROOT_END
    for number in (0, 4095):
        with pytest.raises(tree.Full):
            tree.child_range(*root, number)
    with pytest.raises(tree.Full):
        tree.child_range(*place([1] * tree.DEPTHS), 1)
