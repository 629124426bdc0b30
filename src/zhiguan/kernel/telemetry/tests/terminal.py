"""A terminal on a real socket, built from the codec's builders: for tests of the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from zhiguan.kernel.telemetry.jt808 import Decoded, Splitter, decode_frame, encode

WAIT_S = 10


class Terminal:
    """One connection. ``answers`` of the platform are read by :meth:`answer`; serials count up by themselves."""

    def __init__(self, phone: str, *, version_flag: int = 0, device: str = "DEV0001") -> None:
        self.phone = phone
        self.version_flag = version_flag
        self.device = device
        self.serial = 0
        self.code = ""
        self._splitter = Splitter()
        self._ready: list[Decoded] = []

    async def connect(self, port: int) -> Terminal:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self._splitter, self._ready = Splitter(), []
        return self

    def frame(self, msg_id: int, body: bytes = b"", **more: Any) -> bytes:
        self.serial = self.serial + 1 & 0xFFFF
        return encode.encode_frame(
            msg_id, body, phone=self.phone, serial=self.serial, version_flag=self.version_flag, **more
        )

    async def send(self, msg_id: int, body: bytes = b"") -> int:
        """Send a message; returns its serial."""
        await self.raw(self.frame(msg_id, body))
        return self.serial

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, msg_id: int | None = None, wait: float = WAIT_S) -> Decoded:
        """The next message from the platform, or the next one with this id."""
        async with asyncio.timeout(wait):
            while True:
                while self._ready:
                    got = self._ready.pop(0)
                    if msg_id is None or got.frame.header.msg_id == msg_id:
                        return got
                data = await self.reader.read(65536)
                if not data:
                    raise ConnectionResetError("closed by the platform")
                self._ready += [decode_frame(frame) for frame in self._splitter.feed(data)]

    async def ask(self, msg_id: int, body: bytes = b"") -> dict:
        """Send and return the fields of the general answer to it."""
        serial = await self.send(msg_id, body)
        while True:
            fields = (await self.answer(0x8001)).fields or {}
            if fields["reply_serial"] == serial:
                return fields

    async def register(self) -> dict:
        body = encode.register(
            province=31, city=100, maker="70111", model="T1", terminal_id=self.device, plate_colour=1, plate="沪A12345",
            edition="2019" if self.version_flag else "2013",
        )  # fmt: skip
        await self.send(0x0100, body)
        fields = (await self.answer(0x8100)).fields or {}
        self.code = fields.get("auth_code") or self.code
        return fields

    async def authenticate(self, code: str | None = None) -> int:
        body = encode.authenticate(
            self.code if code is None else code, imei="860000000000001", software="v1.2", version_flag=self.version_flag
        )
        return (await self.ask(0x0102, body))["result"]

    async def enter(self, port: int) -> Terminal:
        """Connect, register when there is no code yet, authenticate."""
        await self.connect(port)
        if not self.code:
            assert (await self.register())["result"] == 0
        assert await self.authenticate() == 0
        return self

    async def acknowledged(self, serials: Iterable[int], wait: float = WAIT_S) -> set[int]:
        """Wait until all these serials have got a general answer with result 0."""
        left, done = set(serials), set()
        async with asyncio.timeout(wait):
            while left:
                fields = (await self.answer(0x8001, wait)).fields or {}
                assert fields["result"] == 0, fields
                left.discard(fields["reply_serial"])
                done.add(fields["reply_serial"])
        return done

    async def closed(self, wait: float = WAIT_S) -> bool:
        """Wait until the platform has closed the connection."""
        async with asyncio.timeout(wait):
            while True:
                try:
                    if not await self.reader.read(65536):
                        return True
                except ConnectionError:
                    return True

    async def leave(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            return
