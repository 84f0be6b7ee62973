"""Which binding types there are: a table of ours, entry points of others, imported on first use."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any

from funcjson.bindings.base import BindingType, InputType, OutputType, TriggerType
from funcjson.errors import PluginError, Problem, Severity
from funcjson.schemas import composed_schema as compose
from funcjson.schemas import declared_schema

ENTRY_POINT_GROUP = "funcjson.bindings"

BUILT_IN: Mapping[str, str] = MappingProxyType(
    {
        "httpTrigger": "funcjson.bindings.http_trigger:BINDING",
        "http": "funcjson.bindings.http:BINDING",
        "signalRConnectionInfo": "funcjson.bindings.signalr_connection_info:BINDING",
        "signalR": "funcjson.bindings.signalr:BINDING",
        "signalRTrigger": "funcjson.bindings.signalr_trigger:BINDING",
        "signalRNegotiation": "funcjson.bindings.signalr_negotiation:BINDING",
        "signalREndpoints": "funcjson.bindings.signalr_endpoints:BINDING",
        "timerTrigger": "funcjson.bindings.timer_trigger:BINDING",
        "eventGridTrigger": "funcjson.bindings.event_grid_trigger:BINDING",
        "manualTrigger": "funcjson.bindings.manual_trigger:BINDING",
    }
)

# Types that the real platform knows and this host does not run, with what they belong to.
NOT_SUPPORTED: Mapping[str, str] = MappingProxyType(
    {
        "queueTrigger": "Azure Storage queues",
        "queue": "Azure Storage queues",
        "blobTrigger": "Azure Storage blobs",
        "blob": "Azure Storage blobs",
        "table": "Azure Storage tables",
        "cosmosDBTrigger": "Azure Cosmos DB",
        "cosmosDB": "Azure Cosmos DB",
        "documentDB": "Azure Cosmos DB",
        "serviceBusTrigger": "Azure Service Bus",
        "serviceBus": "Azure Service Bus",
        "eventHubTrigger": "Azure Event Hubs",
        "eventHub": "Azure Event Hubs",
        "eventGrid": "Azure Event Grid, as an output",
        "sendGrid": "SendGrid mail",
        "twilioSms": "Twilio text messages",
        "sqlTrigger": "Azure SQL",
        "sql": "Azure SQL",
        "mysqlTrigger": "MySQL",
        "mysql": "MySQL",
        "kafkaTrigger": "Apache Kafka",
        "kafka": "Apache Kafka",
        "rabbitMQTrigger": "RabbitMQ",
        "rabbitMQ": "RabbitMQ",
        "redisPubSubTrigger": "Redis",
        "redisListTrigger": "Redis",
        "redisStreamTrigger": "Redis",
        "redis": "Redis",
        "daprServiceInvocationTrigger": "Dapr",
        "daprTopicTrigger": "Dapr",
        "daprBindingTrigger": "Dapr",
        "daprState": "Dapr",
        "daprPublish": "Dapr",
        "daprInvoke": "Dapr",
        "orchestrationTrigger": "Durable Functions",
        "activityTrigger": "Durable Functions",
        "entityTrigger": "Durable Functions",
        "durableClient": "Durable Functions",
        "orchestrationClient": "Durable Functions",
        "webPubSubTrigger": "Azure Web PubSub, a different service from SignalR",
        "webPubSubConnection": "Azure Web PubSub, a different service from SignalR",
        "webPubSubContext": "Azure Web PubSub, a different service from SignalR",
        "webPubSub": "Azure Web PubSub, a different service from SignalR",
        "mcpToolTrigger": "the Model Context Protocol",
        "warmupTrigger": "the warm-up of cloud instances",
        "apiHubFileTrigger": "API Hub, which no longer exists",
        "apiHubFile": "API Hub, which no longer exists",
        "mobileTable": "Mobile Apps, which no longer exist",
        "notificationHub": "Notification Hubs, in version 1.x of the host only",
        "securityTokenValidation": "compiled C# functions",
        "signalRRefresh": "a preview of the SignalR extension",
    }
)

# Those whose event a person can stand in for: the host starts such a function by hand.
DORMANT: frozenset[str] = frozenset(
    {
        "queueTrigger",
        "blobTrigger",
        "cosmosDBTrigger",
        "serviceBusTrigger",
        "eventHubTrigger",
        "sqlTrigger",
        "mysqlTrigger",
        "kafkaTrigger",
        "rabbitMQTrigger",
        "redisPubSubTrigger",
        "redisListTrigger",
        "redisStreamTrigger",
        "warmupTrigger",
    }
)


@dataclass(frozen=True, slots=True)
class Registry:
    """The binding types that can be used, by name in lower case; nothing is imported yet."""

    names: Mapping[str, str]
    _targets: Mapping[str, str | EntryPoint]
    _loaded: dict[str, BindingType]
    problems: tuple[Problem, ...] = ()

    def spelling(self, type_name: str) -> str | None:
        """The usual spelling of a type name, None for a type that nobody provides."""
        key = type_name.lower()
        return self.names.get(key) or _DORMANT_BY_KEY.get(key)

    def find(self, type_name: str) -> BindingType:
        """The type of that name in any letter case, imported on first use.

        Raises KeyError for an unknown name, PluginError when a distribution's type is unusable.
        """
        key = type_name.lower()
        if key not in self._loaded:
            if key not in self.names and key in _DORMANT_BY_KEY:
                self._loaded[key] = _load_dormant(key)
            else:
                self._loaded[key] = _load(self.names[key], self._targets[key])
        return self._loaded[key]

    def near(self, type_name: str) -> str | None:
        """The type that was perhaps meant."""
        found = difflib.get_close_matches(type_name.lower(), self.names, n=1, cutoff=0.6)
        return self.names[found[0]] if found else None


def open_registry(installed: Iterable[EntryPoint] | None = None) -> Registry:
    """All built-in types and those of installed distributions (or of the given entry points)."""
    targets: dict[str, str | EntryPoint] = {name.lower(): path for name, path in BUILT_IN.items()}
    names = {name.lower(): name for name in BUILT_IN}
    problems: list[Problem] = []
    for entry in entry_points(group=ENTRY_POINT_GROUP) if installed is None else installed:
        key = entry.name.lower()
        if isinstance(targets.get(key), str):
            problems.append(_replaces_built_in(entry, names[key]))
        elif other := targets.get(key):
            assert isinstance(other, EntryPoint)
            problems.append(_twice(entry, other))
        else:
            names[key], targets[key] = entry.name, entry
    return Registry(MappingProxyType(names), MappingProxyType(targets), {}, tuple(problems))


def composed_schema(registry: Registry | None = None) -> dict[str, Any]:
    """One JSON Schema for function.json with every installed binding type.

    Raises PluginError for a distribution's type that cannot be used.
    """
    opened = registry or open_registry()
    return compose(
        {name: declared_schema(opened.find(name).schema) for name in opened.names.values()}
    )


def not_supported(type_name: str) -> tuple[str, str] | None:
    """Usual spelling and owner of a type that only the real platform runs."""
    return _NOT_SUPPORTED_BY_KEY.get(type_name.lower())


_NOT_SUPPORTED_BY_KEY = {name.lower(): (name, owner) for name, owner in NOT_SUPPORTED.items()}
_DORMANT_BY_KEY = {name.lower(): name for name in DORMANT}


def _load_dormant(key: str) -> BindingType:
    # Imported here as all types are: on first use.
    from funcjson.bindings.dormant_trigger import dormant  # noqa: PLC0415 - imported on first use

    return dormant(*_NOT_SUPPORTED_BY_KEY[key])


def _load(name: str, target: str | EntryPoint) -> BindingType:
    if isinstance(target, str):
        module, _, attribute = target.partition(":")
        loaded: BindingType = getattr(importlib.import_module(module), attribute)
        return loaded
    try:
        found = target.load()
    # Whatever another distribution's module does when imported must stop only those who use it.
    except Exception as error:
        raise PluginError(_not_importable(name, target, error)) from error
    if not isinstance(found, TriggerType | InputType | OutputType):
        raise PluginError(_not_a_binding_type(name, target, found))
    if found.type.lower() != name.lower():
        raise PluginError(_other_name(name, target, found.type))
    if isinstance(found, TriggerType) != name.lower().endswith("trigger"):
        raise PluginError(_wrong_ending(name, target, found))
    try:
        _check_schema(declared_schema(found.schema))
    # As above: any fault in a schema of theirs, from JSON to regular expressions.
    except Exception as error:
        raise PluginError(_bad_schema(name, target, error)) from error
    return found


def _check_schema(schema: Mapping[str, Any]) -> None:
    # Imported here since only other distributions' schemas need the check.
    from jsonschema import Draft7Validator  # noqa: PLC0415 - imported on first use

    Draft7Validator.check_schema(schema)


def _distribution(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown distribution"


def _replaces_built_in(entry: EntryPoint, name: str) -> Problem:
    return Problem(
        "FJ0603",
        f"{_distribution(entry)} offers the binding type {entry.name}, which is built in",
        why=f"built-in types cannot be replaced; the built-in {name} is used",
        fix="give the binding another type name, or uninstall the distribution",
        severity=Severity.WARNING,
    )


def _twice(entry: EntryPoint, other: EntryPoint) -> Problem:
    return Problem(
        "FJ0604",
        f"two distributions offer the binding type {entry.name}",
        why=f"{_distribution(other)} was found first and is used; {_distribution(entry)} is not",
        fix="uninstall one of them",
        severity=Severity.WARNING,
    )


def _not_importable(name: str, entry: EntryPoint, error: Exception) -> Problem:
    missing = isinstance(error, ModuleNotFoundError) and error.name == entry.module
    what = "names a module that is not there" if missing else "fails when it is imported"
    return Problem(
        "FJ0601",
        f"the binding type {name} of {_distribution(entry)} {what}",
        why=f"{entry.value}: {type(error).__name__}: {error}",
        fix=f"reinstall or update {_distribution(entry)}, or report it to its authors",
    )


def _not_a_binding_type(name: str, entry: EntryPoint, found: object) -> Problem:
    return Problem(
        "FJ0602",
        f"the binding type {name} of {_distribution(entry)} is not a binding type",
        why=f"{entry.value} is {type(found).__name__}, not TriggerType, InputType or OutputType",
        fix="its authors must make it one of these, from funcjson.bindings.base",
    )


def _wrong_ending(name: str, entry: EntryPoint, found: BindingType) -> Problem:
    trigger = isinstance(found, TriggerType)
    return Problem(
        "FJ0602",
        f"the binding type {name} of {_distribution(entry)} has a name of another kind",
        why="the host knows a trigger by its name, which ends with Trigger; no other type may",
        fix=f"its authors must {'add Trigger to the name' if trigger else 'change the name'}",
    )


def _bad_schema(name: str, entry: EntryPoint, error: Exception) -> Problem:
    first = str(error).strip().splitlines()[0] if str(error).strip() else ""
    return Problem(
        "FJ0602",
        f"the schema of the binding type {name} of {_distribution(entry)} is not sound",
        why=f"{type(error).__name__}: {first}",
        fix="its authors must correct it: JSON Schema, draft 7, as JSON text",
    )


def _other_name(name: str, entry: EntryPoint, own: str) -> Problem:
    return Problem(
        "FJ0602",
        f"the binding type {name} of {_distribution(entry)} calls itself {own}",
        why=f"the entry point and {entry.value} must agree on the name",
        fix="its authors must use one name for both",
    )
