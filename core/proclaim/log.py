"""stub for typing"""

from typing import Protocol


class EventLog(Protocol): ...
