"""What is taught and whether it holds on Azure too: one table, read by explain, the trace and the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Rule:
    """One taught behaviour. `source` is where the rule is written for Azure; `reason` why we differ."""

    text: str
    source: str = ""
    reason: str = ""

    @property
    def same(self) -> bool:
        """Whether Azure does the same."""
        return not self.reason


# Short names of the sources.
_SDK = "azure-webjobs-sdk, src/Microsoft.Azure.WebJobs.Host"
_HTTP = "azure-webjobs-sdk-extensions, src/WebJobs.Extensions.Http"
_HOST = "azure-functions-host, src/WebJobs.Script"
_EXT = "azure-functions-signalrservice-extension"
_SIGNALR = "azure-signalr, src/Microsoft.Azure.SignalR"

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        # 1 and 2: the request and the function
        "cors-local": Rule(
            "pages of this machine may call when no CORS origin is set",
            reason="a page on a development server is the usual case; Azure lets no other origin call",
        ),
        "cors-listed": Rule(
            "a page of another origin may read answers only if its origin is listed under CORS",
            "App Service documentation, CORS; the browser enforces it",
        ),
        "routes-by-name": Rule(
            "routes are tried in the order of the functions' names, and the first that fits answers",
            f"{_HOST}.WebHost and {_HTTP}",
        ),
        "key-not-asked": Rule(
            "no function key is asked for, whatever authLevel says, unless the host runs with --auth",
            reason="local runs of Core Tools do not ask either; on Azure every level but anonymous needs a key",
        ),
        "login-sets-headers": Rule(
            "a signed-in user is known by the four x-ms-client-principal headers",
            "App Service documentation, work with user identities",
        ),
        "principal-believed": Rule(
            "x-ms-client-principal headers that a client sends are believed on loopback",
            reason="so that curl and tests can be somebody; App Service drops them",
        ),
        "signalr-key": Rule(
            "an event goes to the function whose hubName, category and event are equal to it, in any "
            "letter case",
            f"{_EXT}, TriggerBindings/Resolver",
        ),
        # 3: binding data
        "data-order": Rule(
            "of one name, a route parameter wins over a query parameter, and that over a member of a "
            "JSON body",
            f"{_HTTP}, HttpTriggerAttributeBindingProvider.cs",
        ),
        "data-body": Rule(
            "each member of a JSON object in the body is a name of its own; arrays and nulls are not",
            f"{_HTTP}, HttpTriggerAttributeBindingProvider.cs",
        ),
        "data-context": Rule(
            "the parameterNames and the members of the context are names: connectionId, userId, ...",
            f"{_EXT} from 1.15 on; older versions offer parameterNames only",
        ),
        "data-shadow": Rule(
            "a body member or query parameter called headers, query or sys does not replace the real one",
            reason="a caller could choose its own user id; on Azure the caller's own value wins",
        ),
        "data-shadow-azure": Rule(
            "a body member or query parameter called headers, query or sys replaces the real one",
            f"{_HTTP}, HttpTriggerAttributeBindingProvider.cs",
        ),
        "data-dates": Rule(
            "text that looks like a date stays as it was sent",
            reason="a value must arrive as it was sent; Azure rewrites it",
        ),
        # 4: expressions
        "names-ignore-case": Rule(
            "the first name of an expression, and header names, ignore letter case",
            f"{_SDK}/Bindings/Path/BindingTemplate.cs",
        ),
        "query-exact": Rule(
            "a name after query. is compared with its letter case",
            f"{_HTTP}, HttpTriggerAttributeBindingProvider.cs",
        ),
        "missing-fails": Rule(
            "a name that does not exist fails the call: 500 to the caller, handler not called",
            f"{_SDK}/Bindings/Path/BindingTemplateToken.cs",
        ),
        "empty-shows": Rule(
            "null, an object or an array puts nothing in its place, and is no failure",
            f"{_SDK}/Bindings/Path/BindingParameterResolver.cs",
        ),
        "settings-first": Rule(
            "%NAME% is replaced by a setting before {...} is looked at",
            f"{_SDK}/NameResolverExtensions.cs",
        ),
        "angle-brackets": Rule(
            "<headers.x> is read as {headers.x}",
            reason="documentation shows it so; Azure leaves such a value as it stands",
        ),
        "lazy-outputs": Rule(
            "an output's expressions are looked at only when it has a value",
            f"{_HOST}, Description/Workers/WorkerFunctionInvoker.cs",
        ),
        # 5: inputs
        "token-offline": Rule(
            "url and accessToken are made without asking the service",
            f"{_SIGNALR}.Management/Negotiation/NegotiateProcessor.cs",
        ),
        "token-hour": Rule(
            "an access token is good for one hour; the client must negotiate again after that",
            f"{_SIGNALR}.Management/Negotiation/NegotiateProcessor.cs",
        ),
        "token-user": Rule(
            "userId becomes the claim asrs.s.uid, and an empty userId makes an empty claim, which is nobody",
            f"{_SIGNALR}.Common/Utilities/ClaimsUtility.cs",
        ),
        "token-no-user": Rule(
            "without a userId the client is anonymous: no message to a user ever reaches it",
            f"{_SIGNALR}.Common/Utilities/ClaimsUtility.cs",
        ),
        "token-audience": Rule(
            "the audience names the hub in lower case and never a port",
            f"{_SIGNALR}/EndpointProvider/DefaultServiceEndpointGenerator.cs",
        ),
        "token-claims": Rule(
            "claims come from idToken only if claimTypeList names them; idToken is read, not checked",
            f"{_EXT}, Bindings/SignalRConnectionInputBinding.cs",
        ),
        "service-embedded": Rule(
            "without a connection string the local service serves the app",
            reason="nothing to set up; on Azure every SignalR binding fails without one",
        ),
        # 6: handler
        "handler-skipped": Rule(
            "the handler is not called when an input fails",
            f"{_SDK}/Executors/FunctionExecutor.cs",
        ),
        # 7: outputs
        "return-spread": Rule(
            "without a $return output, a returned object gives each output that it names its value",
            f"{_HOST}, Description/Workers/WorkerFunctionInvoker.cs",
        ),
        "unbound-ignored": Rule(
            "a value under a name that no output binding has goes nowhere, without a word",
            f"{_HOST}, Description/Workers/WorkerFunctionInvoker.cs",
        ),
        "all-checked-first": Rule(
            "every output is checked before the first item is sent",
            reason="half a result is worse than none; Azure sends until it meets the bad item",
        ),
        # 8: sending
        "invoke-answer": Rule(
            "what the handler returns is the answer to a client that calls invoke; send gets none",
            f"{_EXT}, TriggerBindings/Executor",
        ),
        "scope-order": Rule(
            "connectionId wins over userId, that over groupName; with none of them all get it",
            f"{_EXT}, Bindings/SignalRAsyncCollector.cs",
        ),
        "one-by-one": Rule(
            "the items of one output are sent one after the other, outputs side by side",
            f"{_HOST}, Binding/FunctionBinding.cs",
        ),
        "failure-empty-500": Rule(
            "when anything fails the caller gets 500 with an empty body",
            f"{_HOST}.WebHost/Middleware/ExceptionMiddleware.cs",
        ),
        # 9: delivery
        "sent-is-not-delivered": Rule(
            "the service answers 202 also when nobody is there to get a message",
            "Azure SignalR Service, REST API reference",
        ),
        "verdict": Rule(
            "the service says how many connections got a message, and why none did",
            reason="so that nothing is lost silently; Azure does not tell",
        ),
        "target-exact": Rule(
            "a client gets a message only in a handler whose name is equal to target; the JavaScript "
            "client ignores letter case",
            "@microsoft/signalr, HubConnection",
        ),
        "group-membership": Rule(
            "a group membership ends with its connection; a user that was added is remembered",
            "Azure SignalR Service documentation, groups",
        ),
        "names-exact": Rule(
            "users and groups are compared with their letter case, hubs without",
            "Azure SignalR Service, REST API reference",
        ),
        # tokens
        "token-checks": Rule(
            "signature, expiry and audience of a token are checked, not who asks",
            f"{_SIGNALR}.Common/Auth; the official emulator checks the signature only",
        ),
        "token-port": Rule(
            "the port in an audience does not matter",
            f"{_SIGNALR}/EndpointProvider/DefaultServiceEndpointGenerator.cs",
        ),
        "token-host-local": Rule(
            "any name of this machine is a good host in an audience",
            reason="containers and browsers call one service by several names; Azure has one name",
        ),
    }
)


def labels(ids: Iterable[str]) -> list[dict[str, str | bool]]:
    """Rules as JSON: what is taught, and "same as Azure" with its source or "differs here" with the reason."""
    return [label(one) for one in dict.fromkeys(ids)]


def label(rule_id: str) -> dict[str, str | bool]:
    """One rule as JSON."""
    rule = RULES[rule_id]
    return {
        "id": rule_id,
        "text": rule.text,
        "same": rule.same,
        "label": "same as Azure" if rule.same else "differs here",
        "because": rule.source if rule.same else rule.reason,
    }


def line(rule: Mapping[str, str | bool]) -> str:
    """A label as one line for a person."""
    return f"{rule['text']}  [{rule['label']}: {rule['because']}]"
