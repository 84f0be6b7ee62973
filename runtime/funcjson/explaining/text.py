"""Explanations as text that a person reads: one small function per kind of step or document. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from funcjson.explaining.routing import OTHER_PATH

Row = Mapping[str, Any]

_CELL = 60  # characters of a value in a table
_LINE = 100


def request_text(document: Row) -> str:
    """The nine steps of a request (five when the handler did not run)."""
    parts = [_step(step) for step in document["steps"] if _has_something(step)]
    missing = [
        step["name"]
        for step in document["steps"]
        if step["state"] == "not reached" and not _has_something(step)
    ]
    if missing:
        parts.append(f"   not reached: {', '.join(missing)}")
    if document["outcome"] == "explained" and document["function"]:
        parts.append("   The handler was not loaded or called. Add --run to go on to step 9.")
    return "\n\n".join(parts)


def _has_something(step: Row) -> bool:
    """Whether a step happened, or can say something all the same."""
    if step["state"] in ("done", "failed"):
        return True
    return bool(
        step["hints"] or any(step.get(n) for n in ("declared", "clients", "answer", "completion"))
    )


def _step(step: Row) -> str:
    mark = {"failed": "  FAILED", "not run": "  (not run)", "not reached": "  (not reached)"}
    lines = [f"{step['number']}. {step['name']}{mark.get(step['state'], '')}"]
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
        if step.get("payload") not in (None, "", {}, []):
            yield f"event  {_short(step['payload'])}"
        return
    yield f"{request['method']} {request['url']}"
    for header in request["headers"]:
        yield f"{header['name']}: {_short(header['value'], _LINE)}"
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
    yield from _rejected(step.get("rejected", ()))


def _rejected(rows: Sequence[Row]) -> Iterable[str]:
    """Near misses one by one, and those that have nothing to do with the path in one line."""
    far = [row for row in rows if row["why"] == OTHER_PATH]
    for row in rows:
        if row["why"] != OTHER_PATH:
            route = f" ({row['route']})" if row["route"] else ""
            yield f"rejected  {row['function']}{route}: {row['why']}"
    if far:
        named = [f"{row['function']} ({row['route']})" for row in far]
        first, *others = _packed(named, _LINE - len(OTHER_PATH))
        yield f"rejected  {OTHER_PATH}: {first}"
        yield from (f"          {line}" for line in others)


def _packed(names: Sequence[str], width: int) -> list[str]:
    """Names in lines of about a width."""
    lines = [""]
    for name in names:
        if lines[-1] and len(lines[-1]) + len(name) > width:
            lines[-1] += ","
            lines.append("")
        lines[-1] += f", {name}" if lines[-1] else name
    return lines


def _data(step: Row) -> Iterable[str]:
    rows = [
        (row["name"], _value(row), f"{row['from']}{', hidden' if row['hidden'] else ''}")
        for row in step.get("names", ())
    ]
    yield from table(("name", "value", "where it came from"), rows)


def _value(row: Row) -> str:
    if row["value"] is None:
        return f"({row['note']})"
    return f"{_short(row['value'], _CELL)}{'  (' + row['note'] + ')' if row['note'] else ''}"


def _resolved(step: Row) -> Iterable[str]:
    for binding in step.get("bindings", ()):
        yield f"{binding['binding']}: {binding['type']}   {binding['when']}   {binding['declared']}"
        for prop in binding["properties"]:
            yield f"  {prop['name']} = {json.dumps(prop['written'], ensure_ascii=False)}"
            if prop["constant"] and prop["value"] == prop["written"]:
                continue
            yield from (f"    {line}" for line in _tokens(prop["tokens"]))
            shown = "no value" if prop["error"] else json.dumps(prop["value"], ensure_ascii=False)
            yield f"    -> {shown}"


def _tokens(tokens: Sequence[Row]) -> list[str]:
    rows = [(token["text"], token["source"], _token_value(token)) for token in tokens]
    return table(("token", "source", "value, or why none"), rows)


def _token_value(token: Row) -> str:
    if token["value"] is None:
        return f"none: {token['reason'].removeprefix(token['text'] + ' has no value: ')}"
    note = f"  ({token['reason']})" if token["reason"] else ""
    return f"{json.dumps(_short(token['value']), ensure_ascii=False)}{note}"


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
    if step["state"] not in ("done", "failed"):
        return
    took = f"   {step['durationMs']:.1f} ms" if step.get("durationMs") is not None else ""
    yield f"arguments: {', '.join(step.get('arguments', ())) or 'none'}{took}"
    for line in step.get("lines", ()):
        yield f"| {line['text']}"


def _collected(step: Row) -> Iterable[str]:
    for one in step.get("declared", ()):
        properties = ", ".join(f"{n} {_short(v)}" for n, v in one["properties"].items())
        yield f"declared  {one['name']}: {one['type']}   {properties}".rstrip()
    for output in step.get("outputs", ()):
        value = "see the answer in step 8" if output["type"] == "http" else _short(output["value"])
        given = "" if output["by"] == "not set" else f"   {value}"
        yield f"{output['name']}: {output['type']}   {output['by']}{given}"
        for item in output["items"]:
            yield f"  {_item(item)}"
    for row in step.get("unbound", ()):
        meant = f"; did you mean '{row['meant']}'?" if row["meant"] else ""
        declared = ", ".join(row["declared"]) or "none"
        yield f"LOST   '{row['name']}' is no output binding{meant} (there are: {declared}): {_short(row['value'])}"
        places = (("given at", row["at"]), ("outputs at", row["declaredAt"]))
        yield from (f"  {name:<10} {place}" for name, place in places if place)


def _item(item: Row) -> str:
    to = f"to {item.get('to', '')} {item.get('name', '')}".rstrip()
    if item["kind"] == "message":
        return f"message '{item['target']}' {to}, {len(item['arguments'] or ())} argument(s)"
    if item["kind"] == "group action":
        idle = f"   does nothing: {item['idle']}" if item["idle"] else ""
        return f"{item['action']} {item['to']} '{item['name']}' in group '{item['group']}'{idle}"
    return _short(item.get("value"))


def _flushed(step: Row) -> Iterable[str]:
    for call in step.get("calls", ()):
        if call["status"] is None:
            yield f"{call['output']}: NOT SENT   {_item(call['item'])}"
            continue
        again = f" after {call['attempts']} attempts" if call["attempts"] > 1 else ""
        yield f"{call['output']}: {call['method']} {call['url']}   -> {call['status']}{again}"
        yield f"  {call['curl']}"
    if any(call["curl"] for call in step.get("calls", ())):
        yield (
            "  $TOKEN: `funcjson signalr token URL --key KEY` makes one, with the AccessKey of the connection string;"
        )
        yield "          the local service in `funcjson start` has a key of its own in each run, `funcjson signalr start` a fixed one"
    answer = step.get("answer")
    if answer:
        error = answer["error"]
        rest = f"{error['code']} {error['what']}" if error else _short(answer["body"] or "")
        yield f"answer to the caller: {answer['status']}   {rest}".rstrip()
        if answer.get("streamed"):
            yield f"  in pieces: {answer['streamed']['bytes']} bytes, {answer['streamed']['state']}"
    completion = step.get("completion")
    if completion:
        yield f"{_WAITS[completion['waits']]}: {_completion(completion)}"


_WAITS = {
    True: "answer to the client that called invoke",
    False: "nobody waits; a client that calls invoke would get",
}


def _completion(row: Row) -> str:
    if row["error"] is not None:
        return f"the error {_short(row['error'])}"
    return _short(row["result"])


def _delivered(step: Row) -> Iterable[str]:
    for row in step.get("deliveries", ()):
        if row["action"]:
            done = f"not done: {row['why']}: " if row["why"] else ""
            yield f"{row['output']}: hub '{row['hub']}': {done}{row['action']}"
            continue
        to = f"{row['to']} {row['name']}".rstrip()
        count = "unknown" if row["delivered"] is None else row["delivered"]
        why = f"   {row['why']}" if row["why"] else ""
        yield f"{row['output']}: hub '{row['hub']}', {to}: received by {count}{why}"
        if row["delivered"]:
            yield f"  {UNHEARD.format(row['target'])}"
        if row["got"]:
            yield f"  got it   {_few([_connection(one) for one in row['got']], row['delivered'])}"
        for one in row["missed"] or ():
            yield f"  not      {_connection(one)}: {one['why']}"
    for client in step.get("clients", ()):
        got = [
            f"'{message['target']}' {_short(message['arguments'])}"
            for message in client["messages"]
        ]
        why = f": {'; '.join(client['why'])}" if client.get("why") else ""
        yield f"client {client['client']} got {', '.join(got) or 'nothing'}{why}"
        for target in client.get("unheard") or ():
            yield f"  and shows nothing of '{target}': it has no handler of that name (--listens)"


UNHEARD = "a client without a handler for '{}' shows nothing of it"


def _connection(row: Row) -> str:
    return f"{row['user'] or 'no user'} ({row['connection']})"


def _few(names: Sequence[str], count: int) -> str:
    more = count - len(names)
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")


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
    lines = [str(document["expression"]), "", *_tokens(document["tokens"])]
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
        reasons = [*(_differs(one) for one in row["differs"]), row["why"]]
        says = "chosen" if row["chosen"] else "; ".join(filter(None, reasons))
        key = f"{row['hubName']}, {row['category']}, {row['event']}"
        lines.append(f"{row['function']} ({key}): {says}")
    for row in document["notLoaded"]:
        lines.append(f"{row['function']}: not loaded, {row['why']}")
    lines += [f"hint   {hint}" for hint in document["hints"]]
    return "\n".join([*lines, *_rules(document["rules"])])


def _differs(one: Row) -> str:
    return f"{one['part']} '{one['declared']}' is not '{one['asked']}'"


def why_text(document: Row) -> str:
    """Whether a user gets what is sent to a group."""
    verdict = "gets" if document["reached"] else "does not get"
    of = f" of hub '{document['hub']}'" if document["hub"] else ""
    lines = [
        f"user '{document['user']}' {verdict} what is sent to group '{document['group']}'{of}",
        "",
    ]
    lines += [
        f"{'yes' if check['ok'] else 'NO':<4} {check['check']:<7} {check['says']}"
        for check in document["checks"]
    ]
    lines += [f"fix    {hint}" for hint in document["hints"]]
    if document["recent"]:
        lines += [
            "",
            "what the service saw lately:",
            *(f"  {_recent(row)}" for row in document["recent"]),
        ]
    return "\n".join([*lines, *_rules(document["rules"])])


def _recent(row: Row) -> str:
    where = f"  connection {row['connectionId']}" if row["connectionId"] else ""
    why = f"  ({row['why']})" if row["why"] else ""
    return f"{row['time']}  {row['message']}{where}{why}"


def _problem(problem: Row) -> list[str]:
    lines = [f"error[{problem['code']}] {problem['what']}"]
    place = problem.get("file")
    if place and problem.get("line"):
        place = f"{place}:{problem['line']}:{problem['column']}"
    for name, text in (("at", place), *((n, problem.get(n)) for n in ("why", "fix", "azure"))):
        if text:
            first, *others = text.strip().splitlines()
            lines += [f"  {name:<6} {first}", *(f"{' ' * 9}{line}" for line in others)]
    lines.append(f"  more   funcjson explain {problem['code']}")
    return lines


def _rules(rules: Sequence[Row]) -> list[str]:
    lines = []
    for rule in rules:
        kind = "source" if rule["same"] else "reason"
        lines += [f"({rule['label']}) {rule['text']}", f"    {kind}: {rule['because']}"]
    return lines


def _short(value: Any, most: int = 240) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else f"{text[:most]}..."


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as they need; nothing without rows."""
    if not rows:
        return []
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *rows)
    ]
