"""What a user can do about code that did not load, or that raised: from what the worker said to the remedy."""

from __future__ import annotations

import re

from funcjson.held_ports import tells_of_taken_port

# A part of what the worker said, and what the user can do; the first that is found counts.
_LOAD_FIXES = (
    (
        "No module named",
        "correct the import, or add the package to requirements.txt and start with --install",
    ),
    (
        "Cannot find module '.",
        "correct the path in require or import",
    ),
    (
        "Cannot find module",
        "correct the name, or add the package to package.json and start with --install",
    ),
    (
        "Unable to determine function entry point",
        "export one function, as in: module.exports = async function (context, req) { ... }; or "
        "name one of several with entryPoint in function.json",
    ),
    (
        "is not present in",
        "define that function there, or name another one with entryPoint in function.json",
    ),
    (
        "declared in Python but not in function.json",
        "give each parameter the name of a binding, or add a binding of that name",
    ),
    (
        "declared in function.json but not in Python",
        "add a parameter of that name to the function, or remove the binding",
    ),
    (
        "has invalid non-type annotation",
        "annotate it with a class, as in req: func.HttpRequest or name: str, or write no annotation",
    ),
    (
        "is not a subclass of azure.functions.Out",
        "annotate it as func.Out[str], for an http output as func.Out[func.HttpResponse], or write no annotation",
    ),
    (
        "its annotation is azure.functions.Out in Python",
        'take func.Out off the annotation, or give the binding "direction": "out" when it is an output',
    ),
    ("has invalid Out annotation", "give func.Out one type, as in func.Out[str]"),
    (
        "return annotation should not be azure.functions.Out",
        "annotate what the function returns, as in -> str",
    ),
    (
        "has invalid non-type return annotation",
        "annotate what the function returns with a class, as in -> str, or write no annotation",
    ),
    (
        'the "context" parameter is expected',
        "annotate it as func.Context, or write no annotation",
    ),
    ('"inout" bindings are not supported', 'give the binding "direction": "in" or "out"'),
    ('"$return" binding must have', 'give the binding "direction": "out", or another name'),
    (
        "PYTHON_ENABLE_INIT_INDEXING",
        'write "PYTHON_ENABLE_INIT_INDEXING": "1" among the Values of local.settings.json, and set it on Azure, too; '
        "Python 3.13 and newer need no setting",
    ),
    (
        "is not a module, class, method, or function",
        "write a function that calls it, as in: def main(req): return handler(req)",
    ),
    (
        "NameError: name '",
        "import or define that name; annotations are read too, so what only `if TYPE_CHECKING:` imports is missing",
    ),
    ("SyntaxError", "correct the code at this place"),
    (
        "worker process ended",
        "what stands at the top of a module must not end the process: throw an error there instead, which breaks only what needs "
        "the module",
    ),
    (
        "did not come to its end",
        "what stands at the top of a module must come to its end: move what waits into the handler",
    ),
    (
        "cannot run TypeScript",
        "start with --install, with typescript among the app's packages, or use Node.js 22.18 or newer, or compile "
        "the app",
    ),
)
_LOAD_FIX = "correct the file; it runs from top to bottom when it is loaded"
_PORT_FIX = "another program, or another module of the app, has this port: end it, or open another port; `ss -ltnp` lists who has which"


# As above, for what a running handler raised.
_HANDLER_FIXES = (
    *_LOAD_FIXES[:3],
    (
        "The HTTP response must be an 'object' type",
        "return an object, as in: return { body: 'text' }",
    ),
    (
        "No http response found",
        "return a response, as in: return Response(status_code=204)",
    ),
    (
        "must be installed to use",
        "add that package to requirements.txt and start with --install",
    ),
)

# The annotation that fits, by binding type; other types take texts.
_INPUTS = {
    "httptrigger": "func.HttpRequest",
    "timertrigger": "func.TimerRequest",
    "eventgridtrigger": "func.EventGridEvent",
    "queuetrigger": "func.QueueMessage",
    "blobtrigger": "func.InputStream",
    "blob": "func.InputStream for an input, func.Out[str] for an output",
    "servicebustrigger": "func.ServiceBusMessage",
    "eventhubtrigger": "func.EventHubEvent",
    "cosmosdbtrigger": "func.DocumentList",
    "cosmosdb": "func.DocumentList for an input, func.Out[func.Document] for an output",
    "http": "func.Out[func.HttpResponse]",
    "signalr": "func.Out[str]",
    "signalrtrigger": "str",
    "signalrconnectioninfo": "str",
}
_OTHERS = "str for an input, func.Out[str] for an output"
_RETURNS = {"http": "-> func.HttpResponse or -> str"}
_MISMATCHES = (
    re.compile(r'type of \S+ binding in function\.json "([^"]*)" does not match'),
    re.compile(r'binding type "([^"]*)" and dataType'),
)
# The package whose requests and responses all HTTP functions of an app take once it is imported.
_WEB = "azurefunctions.extensions.http.fastapi"
_WEB_INPUTS = (
    (
        'Python type annotation "HttpRequest"',
        f"annotate the parameter as Request from {_WEB}, or write no annotation: all HTTP functions of an app that "
        "imports it get such requests, so those with func.HttpRequest belong into an app without it",
    ),
    (
        'Python type annotation "Request"',
        f"import Request from {_WEB}, which streams, or annotate the parameter as func.HttpRequest",
    ),
)
_RETURN_MISMATCH = re.compile(r'return annotation "[^"]*" does not match binding type "([^"]*)"')


def _annotation_fix(said: str) -> str | None:
    """Which annotation a binding takes, when the one that it has does not fit."""
    if found := _RETURN_MISMATCH.search(said):
        if 'return annotation "HttpResponse"' in said:
            return (
                f"annotate what the function returns as -> Response from {_WEB}, or write no annotation: all HTTP "
                "functions of an app that imports it answer so"
            )
        fits = _RETURNS.get(found[1].lower(), "-> str")
        return f"annotate what the function returns as {fits}, or write no annotation"
    for pattern in _MISMATCHES:
        if found := pattern.search(said):
            if found[1].lower() == "httptrigger":
                for part, fix in _WEB_INPUTS:
                    if part in said:
                        return fix
            fits = _INPUTS.get(found[1].lower(), _OTHERS)
            return f"annotate the parameter as {fits}, or write no annotation"
    return None


def handler_fix(said: str, has_place: bool) -> str:
    """What the user can do about what a running handler raised."""
    where = "at this place" if has_place else "of the handler"
    default = f"correct the code {where}, or catch the error there and answer the caller in words"
    return next((fix for part, fix in _HANDLER_FIXES if part in said), default)


def load_fix(said: str, otherwise: str = _LOAD_FIX, *, wrote: str = "") -> str:
    """What the user can do about code that did not load; `wrote` is what its process wrote before it ended."""
    if tells_of_taken_port(said) or tells_of_taken_port(wrote):
        return _PORT_FIX
    fixed = (fix for part, fix in _LOAD_FIXES if part in said)
    return _annotation_fix(said) or next(fixed, otherwise)
