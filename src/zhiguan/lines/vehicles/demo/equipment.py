"""What is inside a simulated terminal: parameters, areas, pictures, the driver's card; and its answers about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from zhiguan.kernel.telemetry.jt808 import areas, encode, multimedia
from zhiguan.kernel.telemetry.jt808.fields import Cursor
from zhiguan.kernel.telemetry.jt808.parameters import PARAMETERS, ParameterValue

from .picture import scene

OK, FAILED, WRONG, UNSUPPORTED = 0, 1, 2, 3
ANSWER, ANSWER_PARAMETERS, ANSWER_ATTRIBUTES, UPGRADED = 0x0001, 0x0104, 0x0107, 0x0108
LOCATION_ANSWER, AREA_ANSWER, DRIVER_CARD = 0x0201, 0x0608, 0x0702
MEDIUM_TAKEN, MEDIUM, MEDIA_LISTED, PHOTO_ANSWER, PASS_UP = 0x0800, 0x0801, 0x0802, 0x0805, 0x0900
FIRMWARE = "SIM-2.1.0"
RESTART, FACTORY, UPGRADE = 4, 5, 1
SETTERS = {0x8600: areas.CIRCLE, 0x8602: areas.RECTANGLE, 0x8604: areas.POLYGON, 0x8606: areas.ROUTE}
DELETERS = {0x8601: areas.CIRCLE, 0x8603: areas.RECTANGLE, 0x8605: areas.POLYGON, 0x8607: areas.ROUTE}
OBEYED = frozenset({0x8202, 0x8203, 0x8204, 0x8300})
"""Only said yes to: nothing of it can be seen afterwards."""
Reply = tuple[int, bytes]


class Card(NamedTuple):
    """A driver's card (从业资格证)."""

    name: str
    licence: str
    authority: str = "演示市道路运输管理局"
    valid_until: date = date(2035, 12, 31)


@dataclass
class Picture:
    """A picture the terminal has taken."""

    head: multimedia.Head
    place: bytes
    data: bytes
    at: datetime


def factory_parameters(plate: str) -> dict[int, ParameterValue]:
    """The parameters a terminal leaves the factory with."""
    return {
        0x0001: 60, 0x0013: "127.0.0.1", 0x0020: 0, 0x0027: 300, 0x0028: 5, 0x0029: 30, 0x0030: 30, 0x0055: 120,
        0x0056: 10, 0x0057: 14_400, 0x0059: 1_200, 0x0083: plate, 0x0084: 1,
    }  # fmt: skip


@dataclass
class Equipment:
    """The insides of one terminal. ``place`` gives the present position as a body of 0x0200."""

    number: str
    device_id: str
    plate: str
    version_flag: int
    place: Callable[[], bytes]
    firmware: str = FIRMWARE
    parameters: dict[int, ParameterValue] = field(default_factory=dict)
    carried: dict[tuple[int, int], bytes] = field(default_factory=dict)
    pictures: dict[int, Picture] = field(default_factory=dict)
    card: Card | None = None
    texts: list[str] = field(default_factory=list)
    restarting: bool = False
    _taken: int = 0

    def __post_init__(self) -> None:
        self.parameters = self.parameters or factory_parameters(self.plate)

    def obey(self, msg_id: int, serial: int, fields: dict[str, Any], body: bytes) -> list[Reply]:
        """What the terminal sends back to a message of the platform."""
        answer = self._answers(msg_id, serial, fields)
        if answer is not None:
            return answer
        result = self._do(msg_id, fields, body)
        replies: list[Reply] = [(ANSWER, encode.general_answer(serial, msg_id, result))]
        if msg_id == 0x8803 and result == OK:
            replies += [self.upload(picture) for picture in self._stored(fields)]
        if msg_id == 0x8805 and result == OK:
            replies.append(self.upload(self.pictures[fields["media_id"]]))
        if msg_id == 0x8900 and result == OK:
            # the device behind the terminal echoes what it was sent
            replies.append((PASS_UP, body))
        if msg_id == 0x8105 and fields.get("command") == UPGRADE and result == OK:
            replies.append((UPGRADED, encode.upgrade_result(0, OK)))
        return replies

    # --- questions

    def _answers(self, msg_id: int, serial: int, fields: dict[str, Any]) -> list[Reply] | None:
        version = self.version_flag
        if msg_id == 0x8201 and self.place():
            return [(LOCATION_ANSWER, encode.location_answer(serial, self.place()))]
        if msg_id in (0x8104, 0x8106):
            wanted = [int(number, 16) for number in fields.get("ids", [])] if msg_id == 0x8106 else self.parameters
            known = {number: self.parameters[number] for number in wanted if number in self.parameters}
            return [(ANSWER_PARAMETERS, encode.parameters_answer(serial, known))]
        if msg_id == 0x8107:
            return [(ANSWER_ATTRIBUTES, encode.attributes(
                kind=0b11, maker="70999", model="ZG-808", terminal_id=self.device_id[-7:], iccid="89860" + self.number[-11:],
                hardware="H1.0", firmware=self.firmware, version_flag=version,
            ))]  # fmt: skip
        if msg_id == 0x8608 and version:
            kind = int(fields.get("kind") or 0)
            chosen = [entry for (each, number), entry in sorted(self.carried.items())
                      if each == kind and (not fields.get("ids") or number in fields["ids"])]  # fmt: skip
            return [(AREA_ANSWER, areas.answer(kind, chosen))]
        if msg_id == 0x8702:
            return [(DRIVER_CARD, self.card_body(1))]
        if msg_id == 0x8801:
            return self._photos(serial, fields)
        if msg_id == 0x8802:
            found = [multimedia.Stored(p.head.media_id, p.head.kind, p.head.channel, p.head.event, p.place)
                     for p in self._stored(fields)]  # fmt: skip
            return [(MEDIA_LISTED, multimedia.stored_answer(serial, found))]
        return None

    def _stored(self, fields: dict[str, Any]) -> list[Picture]:
        start, end = (
            datetime.fromisoformat(fields[name]) if fields.get(name) else None for name in ("start_utc", "end_utc")
        )
        return [
            picture for picture in self.pictures.values()
            if picture.head.kind == fields.get("type") and fields.get("channel") in (0, picture.head.channel)
            and (start is None or picture.at >= start) and (end is None or picture.at <= end)
        ]  # fmt: skip

    def _photos(self, serial: int, fields: dict[str, Any]) -> list[Reply]:
        channel, shots = int(fields.get("channel") or 0), int(fields.get("shots") or 0)
        if channel != 1 or shots == multimedia.FILM:
            return [(PHOTO_ANSWER, multimedia.camera_answer(serial, 2))]
        taken = [self.photograph(channel) for _ in range(min(shots, 10))]
        answer = (PHOTO_ANSWER, multimedia.camera_answer(serial, OK, [picture.head.media_id for picture in taken]))
        return [answer] if fields.get("keep") else [answer, *(self.upload(picture) for picture in taken)]

    # --- orders

    def _do(self, msg_id: int, fields: dict[str, Any], body: bytes) -> int:
        if msg_id == 0x8103:
            return self._set(fields)
        if msg_id in SETTERS:
            return self._carry(SETTERS[msg_id], body, fields)
        if msg_id in DELETERS:
            gone = set(fields.get("ids", []))
            kind = DELETERS[msg_id]
            self.carried = {
                key: entry for key, entry in self.carried.items() if key[0] != kind or (gone and key[1] not in gone)
            }
            return OK
        if msg_id == 0x8105:
            return self._control(int(fields.get("command") or 0))
        if msg_id == 0x8300:
            self.texts.append(str(fields.get("text") or ""))
        if msg_id == 0x8805:
            return OK if fields.get("media_id") in self.pictures else FAILED
        return OK if msg_id in OBEYED or msg_id in (0x8803, 0x8900) else UNSUPPORTED

    def _set(self, fields: dict[str, Any]) -> int:
        found: dict[int, ParameterValue] = {}
        for item in fields.get("parameters", []):
            number = int(item["id"], 16)
            if number not in PARAMETERS:
                return UNSUPPORTED
            found[number] = item["value"] if item["value"] is not None else bytes.fromhex(item["hex"])
        self.parameters |= found
        return OK if found else WRONG

    def _carry(self, kind: int, body: bytes, fields: dict[str, Any]) -> int:
        many = kind in (areas.CIRCLE, areas.RECTANGLE)
        cursor = Cursor(body)
        if many:
            cursor.take(2)
            if fields.get("action") == areas.UPDATE:
                self.carried = {key: entry for key, entry in self.carried.items() if key[0] != kind}
        while cursor.left:
            start = cursor.at
            record = areas.READERS[kind](cursor, self.version_flag)
            if cursor.short:
                return WRONG
            self.carried[kind, record["area_id"]] = body[start : cursor.at]
            if not many:
                break
        return OK

    def _control(self, command: int) -> int:
        if command == FACTORY:
            self.parameters, self.carried = factory_parameters(self.plate), {}
        self.restarting = command in (RESTART, FACTORY)
        return OK if command in (UPGRADE, RESTART, FACTORY) else UNSUPPORTED

    # --- of its own accord

    def photograph(self, channel: int = 1, event: int = 0) -> Picture:
        """Take a picture and keep it."""
        self._taken += 1
        now = datetime.now(UTC)
        place = self.place()[:28] or encode.location(0, 0, now)
        head = multimedia.Head(self._taken, 0, 0, event, channel)
        picture = Picture(head, place, scene(f"{self.number}/{self._taken}"), now)
        self.pictures[self._taken] = picture
        while len(self.pictures) > 20:
            self.pictures.pop(next(iter(self.pictures)))
        return picture

    def upload(self, picture: Picture) -> Reply:
        """The message that carries a picture."""
        return MEDIUM, multimedia.upload(picture.head, picture.place, picture.data)

    def card_body(self, state: int, moment: datetime | None = None) -> bytes:
        """0x0702: the card as it is read; without a card, a reading that failed."""
        card = self.card
        if card is None:
            return encode.driver_card(state, moment or datetime.now(UTC), result=3, version_flag=self.version_flag)
        return encode.driver_card(
            state, moment or datetime.now(UTC), name=card.name, licence=card.licence, authority=card.authority,
            valid_until=card.valid_until, id_number=card.licence, version_flag=self.version_flag,
        )  # fmt: skip
