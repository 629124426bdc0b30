"""Byte stream to frames, and packages of one message to a whole body. Both hold bounded memory whatever is sent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from .frames import FLAG, MAX_FRAME, Header, is_plausible
from .problem import Problem

MAX_REMEMBERED = 100


class Splitter:
    """Cuts a stream of one connection into frames at the delimiters (frame.delimiter).

    Feed pieces of any size; each call returns the frames completed by it, delimiters included, still escaped and
    unchecked.
    Two frames may share one delimiter: bytes that follow a closed frame without a new delimiter are taken as a frame
    only when
    header, length and checksum fit, otherwise they are garbage. `counts` counts by problem code, `problems` holds
    the last
    hundred since the last `take_problems`. Memory: at most `max_frame` bytes between calls.
    """

    __slots__ = ("_inside", "_offset", "_part", "_skipping", "_started", "counts", "max_frame", "problems")

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self.max_frame = max_frame
        self.counts: Counter[str] = Counter()
        self.problems: list[Problem] = []
        self._part = b""
        self._inside = False
        self._skipping = False
        self._started = False
        self._offset = 0

    @property
    def pending_bytes(self) -> int:
        """Bytes held that do not make a frame yet: an opened frame with its delimiter, or what follows the last
        frame.
        """
        return len(self._part) + (1 if self._inside else 0)

    @property
    def at_rest(self) -> bool:
        """True between two frames: what comes next is judged without what came before."""
        return not (self._inside or self._part or self._skipping)

    def feed(self, data: bytes) -> list[bytes]:
        """Next piece of the stream -> completed frames, in order."""
        frames: list[bytes] = []
        pieces = bytes(data).split(FLAG)
        last = len(pieces) - 1
        for number, piece in enumerate(pieces):
            self._offset += len(piece)
            if piece:
                self._grow(piece)
            if number < last:
                self._offset += 1
                self._at_delimiter(frames)
        return frames

    def take_problems(self) -> list[Problem]:
        """Problems since the last call, at most a hundred; `counts` has them all."""
        taken, self.problems = self.problems, []
        return taken

    def _grow(self, piece: bytes) -> None:
        if self._skipping:
            self.counts["discarded_bytes"] += len(piece)
        elif len(self._part) + len(piece) > self.max_frame - 2:
            # outside a frame the excess is mere garbage and gets reported as such at the next delimiter
            if self._inside:
                self._report("overlong", f"上限 {self.max_frame} 字节")
            else:
                self._report("garbage", f"第 {self._offset - len(piece) - len(self._part)} 字节起")
            self.counts["discarded_bytes"] += len(self._part) + len(piece)
            self._part = b""
            self._skipping = True
        else:
            self._part = self._part + piece if self._part else piece

    def _at_delimiter(self, frames: list[bytes]) -> None:
        part, self._part = self._part, b""
        if self._skipping:
            # after an overlong frame this delimiter may close it or open the next one; the checksum of what follows
            # decides
            self._skipping = False
            self._inside = not self._inside
        elif self._inside:
            if part:
                frames.append(FLAG + part + FLAG)
                self._inside = False
        elif not part:
            self._inside = True
        elif self._started and is_plausible(part):
            frames.append(FLAG + part + FLAG)
            self.counts["missing_start"] += 1
        else:
            self._report("garbage", f"{len(part)} 字节，第 {self._offset - 1 - len(part)} 字节起")
            self.counts["discarded_bytes"] += len(part)
            self._inside = True
        self._started = True

    def _report(self, code: str, detail: str) -> None:
        self.counts[code] += 1
        if len(self.problems) < MAX_REMEMBERED:
            self.problems.append(Problem(code, detail))


class Missing(NamedTuple):
    """What to ask for with 0x8003."""

    phone: str
    version_flag: int
    msg_id: int
    original_serial: int
    """Serial of the first package; reckoned from another package when the first did not come."""
    indexes: tuple[int, ...]
    """Package numbers, from 1, in order; cut at `Reassembler.max_request`."""
    attempt: int = 0
    """How often this has been asked for, this time included."""
    first: bytes = b""
    """Body of the first package when it has come: 0x0801 names its medium there, for 0x8800."""


class Reassembled(NamedTuple):
    """Answer of `Reassembler.add`. `state`: whole, waiting, repeated, refused. `body` is set for whole only."""

    state: str
    body: bytes | None = None
    first_serial: int | None = None
    reason: str = ""


@dataclass(slots=True)
class _Group:
    phone: str
    version_flag: int
    msg_id: int
    total: int
    base: int
    touched: float
    asked: int = 0
    size: int = 0
    parts: dict[int, bytes] = field(default_factory=dict)


class Reassembler:
    """Puts the packages of sub-packaged messages together (frame.properties.subpackage).

    Make one for each terminal session: its limits then bound what one terminal can hold. Times are seconds of any
    monotonic
    clock, passed in by the caller. Packages may come in any order, repeated, with other messages between them, and
    re-sent
    under new serials. Two messages of one id and total that are under way at once are told apart by content and serial.
    """

    def __init__(
        self,
        *,
        timeout_s: float = 60.0,
        resend_after_s: float = 5.0,
        max_requests: int = 3,
        max_groups: int = 8,
        max_bytes: int = 4 * 1024 * 1024,
        max_packages: int = 4096,
        max_request: int = 125,
    ) -> None:
        self.timeout_s = timeout_s
        self.resend_after_s = resend_after_s
        self.max_requests = max_requests
        self.max_groups = max_groups
        self.max_bytes = max_bytes
        self.max_packages = max_packages
        self.max_request = max_request
        self.counts: Counter[str] = Counter()
        self._groups: list[_Group] = []
        self._bytes = 0

    @property
    def held_bytes(self) -> int:
        """Body bytes held for unfinished messages."""
        return self._bytes

    def add(self, header: Header, body: bytes, now: float) -> Reassembled:
        """One package of a sound frame. A frame that is not a package is refused."""
        total, index = header.total, header.index
        if total is None or index is None or header.phone is None or header.msg_id is None or header.serial is None:
            return self._refuse("not_package")
        if not 1 <= index <= total:
            return self._refuse("bad_index")
        if total > self.max_packages:
            return self._refuse("too_many_packages")
        self.expire(now)
        if total == 1:
            return Reassembled("whole", body, header.serial)
        base = (header.serial - (index - 1)) & 0xFFFF
        group = None
        for known in self._groups:
            if known.phone == header.phone and known.msg_id == header.msg_id and known.total == total:
                if known.parts.get(index) == body:
                    known.touched = now
                    self.counts["repeated"] += 1
                    return Reassembled("repeated", None, known.base)
                if index not in known.parts and (group is None or _apart(known.base, base) < _apart(group.base, base)):
                    group = known
        if len(body) > self.max_bytes:
            return self._refuse("too_large")
        if group is None:
            group = _Group(header.phone, header.version_flag or 0, header.msg_id, total, base, now)
            self._groups.append(group)
        group.parts[index] = body
        group.size += len(body)
        group.touched = now
        if index == 1:
            group.base = header.serial
        self._bytes += len(body)
        if len(group.parts) == total:
            self._drop(group)
            self.counts["whole"] += 1
            return Reassembled("whole", b"".join(group.parts[i] for i in range(1, total + 1)), group.base)
        # the oldest unfinished message gives way, so that a terminal that never finishes cannot grow without end
        while len(self._groups) > self.max_groups or self._bytes > self.max_bytes:
            oldest = min((g for g in self._groups if g is not group), key=lambda g: g.touched, default=group)
            self._drop(oldest)
            self.counts["evicted"] += 1
            if oldest is group:
                return self._refuse("too_large")
        return Reassembled("waiting", None, group.base)

    def due(self, now: float) -> list[Missing]:
        """Messages to ask the missing packages of now; each is given at most `max_requests` times, `resend_after_s`
        apart.
        """
        found = []
        for group in self._groups:
            if group.asked < self.max_requests and now - group.touched >= self.resend_after_s * (group.asked + 1):
                group.asked += 1
                found.append(self._missing(group))
        return found

    def missing(self) -> list[Missing]:
        """Every unfinished message with its missing packages."""
        return [self._missing(group) for group in self._groups]

    def expire(self, now: float) -> int:
        """Drops messages untouched for `timeout_s`; returns how many."""
        old = [group for group in self._groups if now - group.touched > self.timeout_s]
        for group in old:
            self._drop(group)
        if old:
            self.counts["expired"] += len(old)
        return len(old)

    def _missing(self, group: _Group) -> Missing:
        lacking: list[int] = []
        for index in range(1, group.total + 1):
            if index not in group.parts:
                lacking.append(index)
                if len(lacking) == self.max_request:
                    break
        return Missing(
            group.phone,
            group.version_flag,
            group.msg_id,
            group.base,
            tuple(lacking),
            group.asked,
            group.parts.get(1, b""),
        )

    def _drop(self, group: _Group) -> None:
        self._groups = [known for known in self._groups if known is not group]
        self._bytes -= group.size

    def _refuse(self, reason: str) -> Reassembled:
        self.counts[reason] += 1
        return Reassembled("refused", None, None, reason)


def _apart(one: int, other: int) -> int:
    """Distance of two serials on the ring of 65,536."""
    gap = (one - other) & 0xFFFF
    return min(gap, 0x10000 - gap)
