"""A client on the switch that keeps asking who has an address, by ARP."""

from __future__ import annotations

from ipaddress import IPv4Address
from struct import pack

import trio

from sim.switch import BROADCAST, Switch

_ARP = 0x0806
_REQUEST, _REPLY = 1, 2


class Client:
    """Asks when told to, and remembers who answered, and who announced himself."""

    def __init__(self, switch: Switch, mac: bytes) -> None:
        self._port = switch.plug(mac)
        self._mac = mac
        self.answers: list[tuple[float, str, str]] = []
        """(time, address, MAC) of each reply to this client."""
        self.gratuitous: list[tuple[float, str, str]] = []
        """The same of each announcement that nobody asked for."""

    def ask(self, address: str) -> None:
        """Send one ARP request."""
        target = IPv4Address(address).packed
        body = pack("!HHBBH", 1, 0x0800, 6, 4, _REQUEST)
        body += self._mac + IPv4Address("10.0.0.200").packed + bytes(6) + target
        self._port.send(BROADCAST + self._mac + pack("!H", _ARP) + body)

    async def run(self) -> None:
        while True:
            for frame in await self._port.receive():
                self._hear(frame)

    def _hear(self, frame: bytes) -> None:
        if len(frame) < 42 or int.from_bytes(frame[12:14], "big") != _ARP:
            return
        sender, address = frame[22:28].hex(":"), str(IPv4Address(frame[28:32]))
        heard = (round(trio.current_time(), 6), address, sender)
        to_me = frame[:6] == self._mac
        if to_me and int.from_bytes(frame[20:22], "big") == _REPLY:
            self.answers.append(heard)
        elif frame[28:32] == frame[38:42]:
            self.gratuitous.append(heard)

    def answered_since(self, address: str, moment: float) -> set[str]:
        """The MACs that answered for an address after a moment."""
        return {mac for at, who, mac in self.answers if who == address and at >= moment}
