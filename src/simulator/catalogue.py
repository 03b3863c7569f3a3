"""All faults by name, and what a request says of one."""

import dataclasses
from typing import Any

from src.simulator.faults import (
    Action,
    AuthTimeout,
    Deaf,
    Drop,
    DropAt,
    Error,
    ForceDisconnect,
    MaxConnections,
    Mute,
    NoRealTime,
    Outage,
    RefuseAuth,
    RestLate,
    RestTrouble,
    SlowConsumer,
    SlowTcp,
    Standing,
)
from src.simulator.feed_faults import (
    Delay,
    Duplicate,
    Malformed,
    PartialAck,
    Reorder,
    Resend,
    Respell,
    SendMalformed,
    SilentTopic,
)
from src.simulator.parameters import FaultError, Parameter, parameter_of, refusal

FAULTS: dict[str, type[Action] | type[Standing]] = {
    kind.name: kind
    for kind in (
        Drop, SlowConsumer, ForceDisconnect, Error, SendMalformed, RefuseAuth, AuthTimeout, NoRealTime, MaxConnections,
        Outage, DropAt, RestTrouble, RestLate, Mute, Deaf, SlowTcp, SilentTopic, PartialAck, Duplicate, Reorder, Delay,
        Resend, Malformed, Respell,
    )
}  # fmt: skip


def fault(name: str, texts: dict[str, str]) -> Action | Standing:
    """The fault of that name with parameters as texts; `FaultError` says what is wrong and what is allowed."""
    kind = FAULTS.get(name)
    if kind is None:
        raise FaultError(f"There is no fault '{name}'; there are {', '.join(FAULTS)}.")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    values: dict[str, Any] = {}
    for key, text in texts.items():
        if key not in fields:
            raise FaultError(f"{name} has no parameter '{key}'; it has {', '.join(fields)}.")
        values[key] = _read(key, parameter_of(fields[key]), text)
    for key, field in fields.items():
        if field.default is dataclasses.MISSING and key not in values:
            raise FaultError(f"{name} needs {key}: {parameter_of(field).allowed}.")
    return kind(**values)


def _read(key: str, parameter: Parameter, text: str) -> object:
    try:
        return parameter.read(text)
    except ValueError as cause:
        raise refusal(key, parameter, text) from cause
