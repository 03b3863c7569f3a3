"""TickStock: exact one-minute bars from a US stock feed."""

__version__ = "0.1.0"
