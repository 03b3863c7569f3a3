"""The parameters of faults: what each may be, as a value and as the text of a request."""

import dataclasses
import re
from collections.abc import Collection
from typing import Any, NamedTuple, Protocol


class FaultError(ValueError):
    """A sentence on what is wrong with a fault that was asked for, and what is allowed."""


class Parameter(Protocol):
    """A kind of value."""

    @property
    def allowed(self) -> str:
        """What it may be, as the end of a sentence."""

    def read(self, text: str) -> object:
        """The value that a text stands for; ValueError when it stands for none."""

    def accepts(self, value: Any) -> bool:
        """Whether a value of the right type is allowed."""


class Number(NamedTuple):
    """A number of a range, both ends included."""

    least: float
    most: float

    @property
    def allowed(self) -> str:
        """Its range."""
        return f"a number from {self.least:g} to {self.most:g}"

    def read(self, text: str) -> object:
        """The number."""
        return float(text)

    def accepts(self, value: Any) -> bool:
        """Whether it is in the range; NaN is not."""
        return bool(self.least <= value <= self.most)


class Whole(NamedTuple):
    """A whole number of a range, both ends included."""

    least: int
    most: int

    @property
    def allowed(self) -> str:
        """Its range."""
        return f"a whole number from {self.least} to {self.most}"

    def read(self, text: str) -> object:
        """The number, which has digits only."""
        if not re.fullmatch("[0-9]{1,19}", text):
            raise ValueError(text)
        return int(text)

    def accepts(self, value: Any) -> bool:
        """Whether it is in the range."""
        return isinstance(value, int) and self.least <= value <= self.most


class Text(NamedTuple):
    """A text of limited length in UTF-8."""

    least_bytes: int
    most_bytes: int

    @property
    def allowed(self) -> str:
        """Its lengths."""
        return f"a text of {self.least_bytes} to {self.most_bytes} bytes"

    def read(self, text: str) -> object:
        """The text itself."""
        return text

    def accepts(self, value: Any) -> bool:
        """Whether its length is allowed."""
        return self.least_bytes <= len(value.encode("utf-8", "replace")) <= self.most_bytes


class Choice:
    """One of some words."""

    def __init__(self, *words: str) -> None:
        self._words = words

    @property
    def allowed(self) -> str:
        """The words."""
        return " or ".join(self._words)

    def read(self, text: str) -> object:
        """The word itself."""
        return text

    def accepts(self, value: Any) -> bool:
        """Whether it is one of them."""
        return value in self._words


class Switch:
    """True or false."""

    allowed = "true or false"

    def read(self, text: str) -> object:
        """True for `true`, False for `false`."""
        if text not in ("true", "false"):
            raise ValueError(text)
        return text == "true"

    def accepts(self, value: Any) -> bool:
        """Whether it is either."""
        return isinstance(value, bool)


class Words:
    """Some of a list of words, at least one, separated by commas."""

    def __init__(self, words: Collection[str]) -> None:
        self._words = words

    @property
    def allowed(self) -> str:
        """The words."""
        return f"one or more of {', '.join(self._words)}, separated by commas"

    def read(self, text: str) -> object:
        """The words as a tuple."""
        return tuple(text.split(","))

    def accepts(self, value: Any) -> bool:
        """Whether all of them are on the list."""
        return bool(value) and all(word in self._words for word in value)


class Topics:
    """Topics as clients spell them, at least one; `AM.*` stands for every topic of its channel."""

    allowed = "one or more topics such as AM.AAPL or A.*, separated by commas"

    def read(self, text: str) -> object:
        """The topics as a tuple."""
        return tuple(text.split(","))

    def accepts(self, value: Any) -> bool:
        """Whether each of them is of a channel served here."""
        return bool(value) and all(re.fullmatch(r"AM?\..+", topic) for topic in value)


class Connections:
    """Numbers of connections, counted from 1 in the order in which they came; none stand for all."""

    allowed = "all, or numbers of connections from 1 on, separated by commas"

    def read(self, text: str) -> object:
        """The numbers as a tuple, empty for `all`."""
        if text == "all":
            return ()
        numbers = tuple(Whole(1, 2**31).read(number) for number in text.split(","))
        if 0 in numbers:
            raise ValueError(text)
        return numbers

    def accepts(self, value: Any) -> bool:
        """Whether each of them can be the number of a connection."""
        return all(isinstance(number, int) and number >= 1 for number in value)


def option(default: Any, parameter: Parameter) -> Any:
    """A field of a dataclass that may be left out."""
    return dataclasses.field(default=default, metadata={"parameter": parameter})


def required(parameter: Parameter) -> Any:
    """A field of a dataclass that must be given."""
    return dataclasses.field(metadata={"parameter": parameter})


def refusal(name: str, parameter: Parameter, given: object) -> FaultError:
    """What to say about a value that is not allowed."""
    return FaultError(f"{name} is {parameter.allowed}, not {given!r}.")


def parameter_of(field: "dataclasses.Field[Any]") -> Parameter:
    """The parameter that `option` or `required` made the field of."""
    parameter: Parameter = field.metadata["parameter"]
    return parameter
