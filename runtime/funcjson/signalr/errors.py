"""The service's own errors: what a verb of the service can refuse, as a small tree of its own.

SignalRError
  ProtocolError          bytes from a client that the hub protocol does not allow
  OptionsError           ServiceOptions that cannot work (key too short, unknown audience mode)
  BackplaneUnavailable   what joins the service nodes cannot be used
  NoSuchConnection       no connection of this id has finished its handshake in this hub
  ClientResultError      the client answered an invocation with an error
  ClientResultTimeout    the client did not answer an invocation in time
"""

from __future__ import annotations


class SignalRError(Exception):
    """Base of everything that `funcjson.signalr` raises on purpose."""


class ProtocolError(SignalRError):
    """A client sent bytes that its hub protocol does not allow; the connection must close."""


class OptionsError(SignalRError):
    """Options of the service that cannot work; the text names the option and the fix."""


class BackplaneUnavailable(SignalRError):
    """What joins the service nodes cannot be used; the text says what is missing, never a password."""


class NoSuchConnection(SignalRError):
    """No connection of this id has finished its handshake in this hub."""


class ClientResultError(SignalRError):
    """The client answered an invocation with an error; `str()` is the client's own text."""


class ClientResultTimeout(SignalRError):
    """The client did not answer an invocation in time."""
