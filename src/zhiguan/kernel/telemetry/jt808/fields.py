"""Reading of the basic types: unsigned numbers, BCD times in GMT+8, GBK texts. Nothing here raises on any bytes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

from .problem import Problem

BEIJING = timezone(timedelta(hours=8), "GMT+8")
_EPOCH_DAY = date(1970, 1, 1).toordinal()

BCD: tuple[int, ...] = tuple(
    (byte >> 4) * 10 + (byte & 15) if byte >> 4 < 10 and byte & 15 < 10 else 255 for byte in range(256)
)
"""Value of a BCD byte; 255 when it is none."""

_days: dict[bytes, int | None] = {}


def _beijing_midnight(day: bytes) -> int | None:
    """Three BCD bytes YYMMDD (20YY) -> Unix seconds of that day's midnight in GMT+8; None when there is no such day."""
    known = _days.get(day)
    if known is not None or day in _days:
        return known
    year, month, number = BCD[day[0]], BCD[day[1]], BCD[day[2]]
    value: int | None = None
    if year < 100:
        try:
            value = (date(2000 + year, month, number).toordinal() - _EPOCH_DAY) * 86400 - 8 * 3600
        except ValueError:
            value = None
    if len(_days) >= 4096:
        _days.clear()
    _days[day] = value
    return value


def bcd_time(data: bytes) -> int | None:
    """Six BCD bytes YYMMDDhhmmss in GMT+8 -> Unix seconds (UTC); None when impossible."""
    hour, minute, second = BCD[data[3]], BCD[data[4]], BCD[data[5]]
    if hour > 23 or minute > 59 or second > 59:
        return None
    midnight = _beijing_midnight(data[:3])
    return None if midnight is None else midnight + hour * 3600 + minute * 60 + second


def to_bcd_time(moment: datetime) -> bytes:
    """Aware datetime (2000 to 2099 in GMT+8) -> six BCD bytes. Raises ValueError for a naive one or another century."""
    if moment.tzinfo is None:
        raise ValueError("moment must carry a time zone")
    local = moment.astimezone(BEIJING)
    if not 2000 <= local.year <= 2099:
        raise ValueError(f"year {local.year} cannot be written with two digits")
    return bytes.fromhex(local.strftime("%y%m%d%H%M%S"))


def iso_utc(seconds: int | None) -> str | None:
    """Unix seconds -> ISO 8601 with Z."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Cursor:
    """Reads a body from the front. Past the end it gives None and sets `short`; problems gather in `problems`."""

    __slots__ = ("at", "data", "problems", "short")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.short = False
        self.problems: list[Problem] = []

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self.data) - self.at

    def take(self, count: int) -> bytes | None:
        """Next `count` bytes."""
        if self.left < count:
            self.short = True
            return None
        piece = self.data[self.at : self.at + count]
        self.at += count
        return piece

    def rest(self) -> bytes:
        """All that is left."""
        piece = self.data[self.at :]
        self.at = len(self.data)
        return piece

    def number(self, count: int) -> int | None:
        """Big-endian unsigned number of `count` bytes."""
        piece = self.take(count)
        return None if piece is None else int.from_bytes(piece, "big")

    def text(self, count: int | None = None) -> str | None:
        """GBK text of `count` bytes (all that is left when None), padding of zeros and blanks removed."""
        piece = self.rest() if count is None else self.take(count)
        return None if piece is None else self.decoded(piece)

    def short_text(self) -> str | None:
        """GBK text with its length in one byte before it."""
        count = self.number(1)
        return None if count is None else self.text(count)

    def decoded(self, piece: bytes) -> str:
        """GBK bytes -> text; what cannot be read becomes U+FFFD and is noted."""
        piece = piece.strip(b"\x00").rstrip(b" ")
        try:
            return piece.decode("gbk")
        except UnicodeDecodeError:
            try:
                # GBK proper lacks the four-byte characters of rare names
                return piece.decode("gb18030")
            except UnicodeDecodeError:
                self.problems.append(Problem("bad_text", piece[:32].hex()))
                return piece.decode("gb18030", "replace")

    def moment(self) -> str | None:
        """BCD[6] time in GMT+8 -> ISO 8601 UTC; an impossible one is None and noted."""
        piece = self.take(6)
        if piece is None:
            return None
        seconds = bcd_time(piece)
        if seconds is None:
            self.problems.append(Problem("bad_time", piece.hex()))
        return iso_utc(seconds)

    def day(self) -> str | None:
        """BCD[4] YYYYMMDD -> ISO date; an impossible one is None and noted."""
        piece = self.take(4)
        if piece is None:
            return None
        try:
            return date(int(piece[:2].hex()), int(piece[2:3].hex()), int(piece[3:].hex())).isoformat()
        except ValueError:
            self.problems.append(Problem("bad_time", piece.hex()))
            return None
