"""Windows of rows against a loop over rows."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.data.row_windows import starts_of, window_ends, windows_at

files = st.lists(st.lists(st.booleans(), min_size=1, max_size=9), min_size=1, max_size=4)


def bounds_of(parts):
    bounds = [0]
    for part in parts:
        bounds.append(bounds[-1] + len(part))
    return bounds


@given(files, st.integers(1, 5))
@settings(max_examples=80, deadline=None)
def test_windows_are_those_of_a_loop(parts, length):
    starts = starts_of(bounds_of(parts))
    flat = [flag for part in parts for flag in part]
    expected_starts, expected_ends, expected_windows, base = [], [], [], 0
    for part in parts:
        for place in range(len(part)):
            expected_starts.append(base)
            first = place - length + 1
            if first >= 0 and all(part[first : place + 1]):
                expected_ends.append(base + place)
            expected_windows.append([base + max(0, first + step) for step in range(length)])
        base += len(part)
    assert starts.tolist() == expected_starts
    assert window_ends(torch.tensor(flat), starts, length=length).tolist() == expected_ends
    rows = torch.arange(len(flat), dtype=torch.float32)[:, None] * torch.tensor([1.0, 10.0])
    found = windows_at(rows, torch.arange(len(flat)), starts=starts, length=length)
    assert found[..., 0].long().tolist() == expected_windows
    assert torch.equal(found[..., 1], 10 * found[..., 0])


def test_a_window_of_one_row_is_the_row():
    rows = torch.randn(5, 3)
    ends = torch.tensor([4, 0, 2])
    assert torch.equal(windows_at(rows, ends, starts=torch.zeros(5).long(), length=1)[:, 0], rows[ends])
