"""Explanations as text that a person reads: one small function per kind of step or document. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def request_text(document: Row) -> str:
    """The nine steps of a request (five when the handler did not run)."""
    parts = [_step(step) for step in document["steps"] if step["state"] != "not reached"]
    missing = [step["name"] for step in document["steps"] if step["state"] == "not reached"]
    if missing:
        parts.append(f"   not reached: {', '.join(missing)}")
    if not document.get("ran", True) and document.get("function"):
        parts.append("   The handler was not called. Add --run to go on to step 9.")
    return "\n\n".join(parts)


def _step(step: Row) -> str:
    mark = "  FAILED" if step["state"] == "failed" else ""
    lines = [f"{step['number']}. {step['name']}{mark}"]
    lines += [f"   {line}" for line in _BODIES.get(step["number"], _nothing)(step)]
    for problem in step["problems"]:
        lines += [f"   {line}" for line in _problem(problem)]
    lines += [f"   hint   {hint}" for hint in step["hints"]]
    lines += [f"   {line}" for line in _rules(step["rules"])]
    return "\n".join(lines)


def _nothing(_step: Row) -> Iterable[str]:
    return ()


def _arrived(step: Row) -> Iterable[str]:
    request = step.get("request")
    if request is None:
        yield f"{step['kind']}: {step['reason']}"
        return
    yield f"{request['method']} {request['url']}"
    for header in request["headers"]:
        yield f"{header['name']}: {header['value']}"
    if request["body"] is not None:
        yield f"body   {_short(request['body'])}"
    if step.get("persona"):
        yield f"as     {_short(step['persona'])}"
    if step.get("cors"):
        verdict = "may read the answer" if step["cors"]["allowed"] else "is refused"
        yield f"cors   a page of {step['cors']['origin']} {verdict}"


def _chosen(step: Row) -> Iterable[str]:
    if step.get("function"):
        yield f"function  {step['function']}   handler {step['handler']}   {step['declared']}"
        for binding in step["bindings"]:
            yield f"  {binding['direction']:<5} {binding['name']}: {binding['type']}"
    for row in step.get("rejected", ()):
        yield f"rejected  {row['function']} ({row['route']}): {row['why']}"


def _data(step: Row) -> Iterable[str]:
    rows = [
        (row["name"], _value(row), f"from {row['from']}{' (hidden)' if row['hidden'] else ''}")
        for row in step.get("names", ())
    ]
    yield from table(("name", "value", "where it came from"), rows)


def _value(row: Row) -> str:
    return f"({row['note']})" if row["value"] is None else _short(row["value"])


def _resolved(step: Row) -> Iterable[str]:
    for binding in step.get("bindings", ()):
        yield f"{binding['binding']}: {binding['type']}   {binding['when']}   {binding['declared']}"
        for prop in binding["properties"]:
            yield f"  {prop['name']} = {json.dumps(prop['written'], ensure_ascii=False)}"
            if not prop["constant"]:
                yield from (f"    {line}" for line in _tokens(prop["tokens"]))
            shown = "no value" if prop["error"] else json.dumps(prop["value"], ensure_ascii=False)
            yield f"    -> {shown}"


def _tokens(tokens: Sequence[Row]) -> Iterable[str]:
    rows = [
        (
            token["text"],
            token["source"],
            _short(token["value"]) if token["value"] is not None else token["reason"],
        )
        for token in tokens
    ]
    return table(("token", "source", "value, or why none"), rows)


def _inputs(step: Row) -> Iterable[str]:
    for item in step.get("inputs", ()):
        yield f"{item['name']}: {item['type']} as {item['kind']}   {_short(item['value'])}"
        for token in item["tokens"]:
            rows = [
                (claim["claim"], _short(claim["value"]), claim["means"], claim["from"])
                for claim in token.get("claims", ())
            ]
            yield from (
                f"  {line}" for line in table(("claim", "value", "means", "comes from"), rows)
            )


def _handler(step: Row) -> Iterable[str]:
    yield f"arguments: {', '.join(step.get('arguments', ())) or 'none'}   {step.get('durationMs', 0):.1f} ms"
    for line in step.get("lines", ()):
        yield f"| {line['text']}"


def _collected(step: Row) -> Iterable[str]:
    for output in step.get("outputs", ()):
        yield f"{output['name']}: {output['type']}   {output['by']}   {_short(output['value'])}"
        for item in output["items"]:
            yield f"  {_item(item)}"
    for row in step.get("unbound", ()):
        meant = f"; did you mean '{row['meant']}'?" if row["meant"] else ""
        declared = ", ".join(row["declared"]) or "none"
        yield f"LOST   '{row['name']}' is no output binding{meant} (there are: {declared}): {_short(row['value'])}"


def _item(item: Row) -> str:
    to = f"to {item.get('to', '')} {item.get('name', '')}".rstrip()
    if item["kind"] == "message":
        return f"message '{item['target']}' {to}, {len(item['arguments'] or ())} argument(s)"
    if item["kind"] == "group action":
        return f"{item['action']} {item['to']} '{item['name']}' in group '{item['group']}'"
    return _short(item.get("value"))


def _flushed(step: Row) -> Iterable[str]:
    for call in step.get("calls", ()):
        yield f"{call['output']}: {call['method']} {call['url']}   -> {call['status']}"
        yield f"  {call['curl']}"
    answer = step.get("answer")
    if answer:
        yield f"answer to the caller: {answer['status']}   {answer['error'] or _short(answer['body'] or '')}".rstrip()


def _delivered(step: Row) -> Iterable[str]:
    for row in step.get("deliveries", ()):
        to = f"{row['to']} {row['name']}".rstrip()
        count = "unknown" if row["delivered"] is None else row["delivered"]
        why = f"   {row['why']}" if row["why"] else ""
        yield f"{row['output']}: hub '{row['hub']}', {to}: received by {count}{why}"
    for client in step.get("clients", ()):
        got = [
            f"'{message['target']}' {_short(message['arguments'])}"
            for message in client["messages"]
        ]
        yield f"client {client['client']} got {', '.join(got) or 'nothing'}"


_BODIES = {
    1: _arrived,
    2: _chosen,
    3: _data,
    4: _resolved,
    5: _inputs,
    6: _handler,
    7: _collected,
    8: _flushed,
    9: _delivered,
}


def expression_text(document: Row) -> str:
    """One expression, token by token."""
    lines = [str(document["expression"]), ""]
    lines += table(
        ("token", "source", "value, or why none"),
        [
            (t["text"], t["source"], _short(t["value"]) if t["value"] is not None else t["reason"])
            for t in document["tokens"]
        ],
    )
    if document["error"]:
        lines += ["", *_problem(document["error"])]
    else:
        lines += ["", f"value  {json.dumps(document['value'], ensure_ascii=False)}"]
    names = [row["name"] for row in document["offered"] if not row["hidden"]]
    lines += ["", f"names on offer: {', '.join(names) or 'none'}"]
    for warning in document["warnings"]:
        lines += ["", f"warning[{warning['code']}] {warning['what']}", f"  fix    {warning['fix']}"]
    return "\n".join([*lines, *_rules(document["rules"])])


def token_text(document: Row) -> str:
    """A token's claims and checks."""
    verdict = {
        True: "good",
        False: "refused",
        None: "not refused, but the signature was not checked",
    }
    lines = [f"a token for {document['kind']}: {verdict[document['good']]}"]
    if document["where"]:
        lines.append(f"so {document['where']}")
    lines += ["", *(_check(check) for check in document["checks"]), ""]
    claims = document["token"].get("claims", ())
    lines += table(
        ("claim", "value", "means"), [(c["claim"], _short(c["value"]), c["means"]) for c in claims]
    )
    lines += [f"hint   {hint}" for hint in document["hints"]]
    return "\n".join([*lines, *_rules(document["rules"])])


def _check(check: Row) -> str:
    return f"{check['state']:<12} {check['check']:<11} {check['says']}"


def route_text(document: Row) -> str:
    """Which function an upstream event runs."""
    key = f"hub '{document['hub']}', category '{document['category']}', event '{document['event']}'"
    lines = [f"{key}: {document['function'] or 'no function'}", ""]
    for row in document["triggers"]:
        differs = "; ".join(_differs(one) for one in row["differs"]) or "matches"
        lines.append(f"{row['function']}: {differs}")
    for row in document["notLoaded"]:
        lines.append(f"not loaded: {_short(row)}")
    lines += [f"hint   {hint}" for hint in document["hints"]]
    return "\n".join([*lines, *_rules(document["rules"])])


def _differs(one: Any) -> str:
    return one if isinstance(one, str) else " ".join(str(value) for value in dict(one).values())


def why_text(document: Row) -> str:
    """Whether a user gets what is sent to a group."""
    verdict = "gets" if document["reached"] else "does not get"
    lines = [
        f"user '{document['user']}' {verdict} what is sent to group '{document['group']}' of hub '{document['hub']}'",
        "",
    ]
    lines += [
        f"{'yes' if check['ok'] else 'NO':<4} {check['about']:<7} {check['says']}"
        for check in document["checks"]
    ]
    lines += [f"fix    {hint}" for hint in document["hints"]]
    if document["recent"]:
        lines += [
            "",
            "what the service saw lately:",
            *(f"  {_short(row)}" for row in document["recent"]),
        ]
    return "\n".join([*lines, *_rules(document["rules"])])


def _problem(problem: Row) -> list[str]:
    lines = [f"error[{problem['code']}] {problem['what']}"]
    for name in ("at", "where", "why", "fix", "azure"):
        if problem.get(name):
            lines.append(f"  {name:<6} {problem[name]}")
    return lines


def _rules(rules: Sequence[Row]) -> list[str]:
    return [f"({rule['label']}) {rule['text']}; {rule['because']}" for rule in rules]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 240 else f"{text[:240]}..."


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as they need; nothing without rows."""
    if not rows:
        return []
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]
