"""Typed data to what a handler sees, and back, by the app's own `azure.functions` converters.

Rules: `azure_functions_worker/bindings` of azure-functions-python-worker (meta.py, datumdef.py, generic.py). A binding
type without converter is "generic": the handler gets text or bytes as they are and may give text, bytes, dict, list, int
or float.
"""

from __future__ import annotations

import datetime
import email.utils
import json
from collections.abc import Callable, Mapping
from typing import Any

# datetime.UTC is newer than the oldest Python that this runs on.
_UTC = datetime.timezone.utc  # noqa: UP017 - runs on older Pythons, too


class GenericBinding:
    """The converter of every type that the library does not know, such as all SignalR bindings."""

    label = "<class 'azure_functions_worker.bindings.generic.GenericBinding'>"

    @classmethod
    def has_trigger_support(cls) -> bool:
        return False

    @classmethod
    def check_input_type_annotation(cls, pytype: type) -> bool:
        return issubclass(pytype, (str, bytes))

    @classmethod
    def check_output_type_annotation(cls, pytype: type) -> bool:
        return issubclass(pytype, (str, bytes, bytearray))

    @classmethod
    def decode(cls, data: Any, *, trigger_metadata: Any) -> Any:
        if data is None or data.type is None:
            return None
        if data.type in ("string", "bytes", "json"):
            return data.value
        raise ValueError(
            f'unexpected type of data received for the "generic" binding : {data.type!r}'
        )


class Converters:
    """The converters of one `azure.functions` package."""

    def __init__(
        self, library: Any, meta: Any, fits: Mapping[str, Callable[[type], bool]] | None = None
    ) -> None:
        self._library = library
        self._meta = meta
        self._fits = fits or {}
        self._registry = library.get_binding_registry()
        self._datum = meta.Datum

    def taking(self, fits: Mapping[str, Callable[[type], bool]]) -> Converters:
        """The same, with another idea of which annotations fit, by binding type."""
        return Converters(self._library, self._meta, fits)

    def get(self, binding_type: str) -> Any:
        """The converter for a binding type."""
        converter = self._registry.get(binding_type) or GenericBinding
        fits = self._fits.get(binding_type)
        return converter if fits is None else _Taking(converter, fits)

    def has_implicit_output(self, binding_type: str) -> bool:
        """Whether a handler may return a value because of this binding, without `$return`."""
        converter = self.get(binding_type)
        if converter is GenericBinding:
            return binding_type != "durableClient"
        return bool(getattr(converter, "has_implicit_output", lambda: False)())

    def datum(self, data: Mapping[str, Any]) -> Any:
        """Typed data as the Datum that converters read; None for "nothing"."""
        for kind, value in data.items():
            return self._datum(self._http(value) if kind == "http" else value, kind)
        return None

    def _http(self, http: Mapping[str, Any]) -> dict[str, Any]:
        datum = self._datum

        def texts(values: Mapping[str, Any]) -> dict[str, Any]:
            return {name: datum(value, "string") for name, value in values.items()}

        return {
            "method": datum(http["method"], "string"),
            "url": datum(http["url"], "string"),
            "headers": texts(http["headers"]),
            "params": texts(http["params"]),
            "query": texts(http["query"]),
            "body": self.datum(http.get("body") or {}) or datum(b"", "bytes"),
        }

    def decode(self, converter: Any, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> Any:
        """The value of one input. `metadata`: typed data by name, empty for what is no trigger."""
        datum = self.datum(data)
        fields = {name: self.datum(value) for name, value in metadata.items()}
        try:
            return converter.decode(datum, trigger_metadata=fields)
        except NotImplementedError:
            kind = datum.type if datum is not None else None
            raise TypeError(
                "unable to decode incoming TypedData: unsupported combination of TypedData field "
                f"{kind!r} and expected binding type {_label(converter)}"
            ) from None

    def encode(self, binding_type: str, value: Any, pytype: type | None) -> dict[str, Any]:
        """What a handler gave, as typed data; {} for nothing."""
        converter = self.get(binding_type)
        try:
            if converter is GenericBinding:
                return _generic(value)
            return _typed(converter.encode(value, expected_type=pytype))
        except NotImplementedError:
            raise TypeError(
                f'unable to encode outgoing TypedData: unsupported type "{_label(converter)}" for '
                f'Python type "{type(value).__name__}"'
            ) from None


class _Taking:
    """A converter that takes other annotations than it would by itself."""

    def __init__(self, converter: Any, fits: Callable[[type], bool]) -> None:
        self._converter = converter
        self.check_input_type_annotation = self.check_output_type_annotation = fits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._converter, name)


def _label(converter: Any) -> str:
    return GenericBinding.label if converter is GenericBinding else str(converter)


def _generic(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, str):
        return {"string": str(value)}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": bytes(value)}
    if isinstance(value, (dict, list)):
        return {"json": json.dumps(value)}
    if isinstance(value, bool):
        # The real worker takes it for an int, which protobuf then refuses.
        raise TypeError("a bool is not a value for an output; give json.dumps(value) or a dict")
    if isinstance(value, int):
        return {"int": int(value)}
    if isinstance(value, float):
        return {"double": float(value)}
    raise NotImplementedError


def _typed(datum: Any) -> dict[str, Any]:
    if datum is None or datum.type is None:
        return {}
    kind, value = datum.type, datum.value
    if kind in ("string", "json", "int", "double"):
        return {kind: value}
    if kind == "bytes":
        return {"bytes": bytes(value)}
    if kind in ("dict", "list"):
        return {"json": json.dumps(value)}
    if kind == "bool":
        return {"int": int(value)}
    if kind == "http":
        return {
            "http": {
                "status": value["status_code"].value,
                "headers": {name: header.value for name, header in value["headers"].items()},
                "cookies": cookies_of(value.get("cookies")),
                "body": _typed(value["body"]),
                "enableContentNegotiation": False,
            }
        }
    if isinstance(value, (list, tuple)) and kind.startswith("collection_"):
        return {"json": json.dumps(list(value))}
    raise NotImplementedError(f"unexpected Datum type: {kind!r}")


_SAME_SITE = {"lax": "Lax", "strict": "Strict", "none": "None"}


def cookies_of(jars: Any) -> list[dict[str, Any]]:
    """Cookies of `http.cookies` as the wire has them."""
    return [
        {
            "name": name,
            "value": cookie.value,
            "domain": cookie["domain"],
            "path": cookie["path"],
            "expires": _expires(cookie["expires"]),
            "secure": bool(cookie["secure"]),
            "httpOnly": bool(cookie["httponly"]),
            "sameSite": _SAME_SITE.get(str(cookie["samesite"]).lower()),
            "maxAge": _max_age(cookie["max-age"]),
        }
        for jar in jars or ()
        for name, cookie in jar.items()
    ]


def _expires(text: str) -> str | None:
    if not text:
        return None
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        try:
            moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            raise ValueError(
                f"Can not parse value {text} of expires in the cookie due to invalid format."
            ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_UTC)
    return moment.astimezone(_UTC).isoformat()


def _max_age(value: Any) -> float | None:
    if value is None or value == "":
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"Cannot parse value {value} of 'cookie.maxAge' to float.") from None
