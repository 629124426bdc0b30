"""智管: the digital system of a government-offices administration."""

__version__ = "0.1.0"
