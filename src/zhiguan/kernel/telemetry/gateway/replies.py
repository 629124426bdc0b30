"""General answers (0x8001, result 0) to thousands of reports: heads, serials, checksums and escapes as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from .session import Session

WIDTHS = (10, 15)
"""Bytes of a head from the message id to the number, before 2019 and of 2019."""


def acknowledge(
    sessions: Sequence[Session],
    owners: npt.NDArray[np.int64],
    serials: npt.NDArray[np.uint16],
    msg_ids: npt.NDArray[np.uint16],
) -> None:
    """Answer each report (``owners``: ascending indexes into ``sessions``; its serial and message id).

    A session's answers go out in one write; the same session may stand in several neighbouring places.
    """
    counts = np.bincount(owners, minlength=len(sessions)).tolist()
    first = np.empty(len(sessions), np.int64)
    newer = np.empty(len(sessions), bool)
    heads: tuple[list[bytes], list[bytes]] = ([], [])
    for place, (session, count) in enumerate(zip(sessions, counts, strict=True)):
        flag = session.version_flag
        newer[place] = flag
        if count:
            heads[flag].append(session.heads[flag])
            first[place] = session.take_serials(count)
    begins = np.cumsum([0, *counts[:-1]])
    own = first[owners] + np.arange(len(owners)) - begins[owners]
    pieces: list[bytes] = [b""] * len(sessions)
    for flag, width in enumerate(WIDTHS):
        if not heads[flag]:
            continue
        chosen = np.flatnonzero(newer[owners] == bool(flag))
        head = np.frombuffer(b"".join(heads[flag]), f"V{width}")
        here = owners[chosen]
        # rows of one owner follow each other: its head is the one of its rank among the owners that have any
        rank = np.cumsum(np.r_[0, here[1:] != here[:-1]]) if len(here) else here
        data, ends = _frames(
            head[rank].view(np.uint8).reshape(-1, width), own[chosen], serials[chosen], msg_ids[chosen]
        )
        last = np.flatnonzero(np.r_[here[1:] != here[:-1], True])
        at = 0
        for place, end in zip(here[last].tolist(), ends[last].tolist(), strict=True):
            pieces[place] = data[at:end]
            at = end
    _send(sessions, pieces)


def _frames(
    head: npt.NDArray[np.uint8],
    own: npt.NDArray[np.int64],
    serials: npt.NDArray[np.uint16],
    msg_ids: npt.NDArray[np.uint16],
) -> tuple[bytes, npt.NDArray[np.int64]]:
    """Frames end to end, escaped, and where each ends."""
    count, width = head.shape
    frame = np.zeros((count, width + 10), np.uint8)
    frame[:, 0] = frame[:, -1] = 0x7E
    frame[:, 1 : width + 1] = head
    for at, numbers in ((width + 1, own), (width + 3, serials), (width + 5, msg_ids)):
        frame[:, at], frame[:, at + 1] = numbers >> 8 & 0xFF, numbers & 0xFF
    words = frame[:, 1 : width + 8]
    frame[:, width + 8] = np.bitwise_xor.reduce(words, axis=1)
    inner = frame[:, 1:-1]
    special = np.zeros(frame.shape, bool)
    special[:, 1:-1] = (inner == 0x7D) | (inner == 0x7E)
    ends = np.arange(1, count + 1) * (width + 10)
    if not special.any():
        return frame.tobytes(), ends
    flat, marked = frame.ravel(), special.ravel()
    out = np.repeat(flat, 1 + marked)
    places = np.flatnonzero(marked)
    at = places + np.arange(len(places))
    out[at], out[at + 1] = 0x7D, flat[places] - 0x7C
    return out.tobytes(), ends + np.cumsum(special.sum(axis=1))


def _send(sessions: Sequence[Session], pieces: Sequence[bytes]) -> None:
    """Send each session its answers, those that follow each other in one go."""
    held = b""
    last = len(sessions) - 1
    for place, session in enumerate(sessions):
        held = held + pieces[place] if held else pieces[place]
        if held and (place == last or sessions[place + 1] is not session):
            session.send(held)
            held = b""
