"""Checks of an app: what breaks it here, and what works here and breaks on Azure or in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from funcjson.cors import is_local_page, make_policy
from funcjson.doctor.patient import Patient
from funcjson.errors import Location, Problem, Severity
from funcjson.local_service import find_need, is_absent
from funcjson.personas import load_personas
from funcjson.setting_values import CODE as SETTING_VALUE

# A check gives one line of good news, and what is wrong.
Finding = tuple[str, list[Problem]]

_KEY = re.compile(r"(?:accesskey|accountkey|sharedaccesskey|password|secret)\s*=\s*[^;\s]", re.I)
_BUNDLE = re.compile(r"\s*[\[(]\s*(\d+)")
_OLDEST_BUNDLE = 4


def functions(patient: Patient) -> Finding:
    """All that `validate` and the loading of the handlers have to say."""
    counts: dict[str, int] = {}
    for function in patient.functions:
        counts[str(function.language)] = counts.get(str(function.language), 0) + 1
    by_language = ", ".join(f"{count} {language}" for language, count in sorted(counts.items()))
    total = len(patient.functions)
    said = f"{total} function{'' if total == 1 else 's'}" + (
        f" ({by_language})" if by_language else ""
    )
    # What is wrong with the settings, or with host.json, stands with them.
    return f"{said}; the handlers load", [
        problem
        for problem in patient.problems
        if problem not in patient.settings.problems and problem.code != SETTING_VALUE
    ]


def settings(patient: Patient) -> Finding:
    """local.settings.json: where it is, and whether secrets of it are shared."""
    problems = [p for p in patient.settings.problems if not _is_of_host_json(p)]
    problems += [p for p in patient.problems if p.code == SETTING_VALUE]
    problems += _shared_secrets(patient)
    if not (patient.root / "local.settings.json").is_file():
        return "there is no local.settings.json, and none is needed", problems
    if not patient.settings.get("FUNCTIONS_WORKER_RUNTIME"):
        problems.append(_no_language(patient))
    names = patient.settings.names()
    said = f"{len(names)} setting{'' if len(names) == 1 else 's'} of its own"
    storage = patient.settings.get("AzureWebJobsStorage")
    if storage:
        said += "; AzureWebJobsStorage is not needed here"
    return said, problems


def _no_language(patient: Patient) -> Problem:
    languages = sorted(map(str, patient.languages))
    fix = f'"FUNCTIONS_WORKER_RUNTIME": "{languages[0] if languages else "python"}"'
    if len(languages) > 1:
        fix += f", and make an app of their own for those in {', '.join(languages[1:])}"
    return Problem(
        "FJ0177",
        "local.settings.json does not name the app's language",
        Location("local.settings.json", pointer="/Values"),
        why="funcjson sees it from the handlers; Core Tools and Azure need FUNCTIONS_WORKER_RUNTIME",
        fix=f"add to Values: {fix}",
        severity=Severity.NOTE,
    )


def _shared_secrets(patient: Patient) -> Iterator[Problem]:
    own = patient.settings
    with_key = [name for name in own.names() if _KEY.search(own.get(name) or "")]
    if not with_key:
        return
    asked = ("git", "ls-files", "--error-unmatch", "local.settings.json")
    if patient.machine.run(asked, patient.root, patient.environ).code == 0:
        yield Problem(
            "FJ0175",
            "local.settings.json is in version control, and it holds keys",
            Location("local.settings.json", pointer=f"/Values/{with_key[0]}"),
            why=f"everybody who has the repository has the keys of: {', '.join(with_key)}",
            fix="run `git rm --cached local.settings.json`, add it to .gitignore, and make new keys",
            severity=Severity.WARNING,
        )


def connections(patient: Patient) -> Finding:
    """Which SignalR service each connection setting leads to."""
    used = patient.connections()
    problems = [_unused(name, patient) for name in _other_connections(patient, used)]
    if not patient.functions:
        return "not known, as no function was loaded", problems
    if not used:
        return "no binding uses SignalR", problems
    said = [f"{name}: {_leads_to(name, patient)}" for name in used]
    problems += find_need(patient.settings, used, explicit_port=False).notes
    return "; ".join(said), problems


def _leads_to(name: str, patient: Patient) -> str:
    settings = patient.settings
    if is_absent(settings.connection_string(name)):
        if settings.identity(name) is not None or settings.named_endpoints():
            return "endpoints of Azure"
        return "the local service"
    need = find_need(settings, [name], explicit_port=True)
    where = "the local service, at its address" if need else "a service of its own"
    return f"{where} (from {settings.connection_origin(name)})"


def _other_connections(patient: Patient, used: tuple[str, ...]) -> list[str]:
    """Settings that hold a SignalR connection string which no binding asks for."""
    if not used or not any(is_absent(patient.settings.connection_string(name)) for name in used):
        return []
    taken = {name.lower() for name in used} | {f"connectionstrings:{n}".lower() for n in used}
    return [
        name
        for name in patient.settings.names()
        if name.lower().replace("__", ":") not in taken
        and not name.lower().replace("__", ":").startswith("azure:signalr:endpoints")
        and "service.signalr.net" in (patient.settings.get(name) or "").lower()
    ]


def _unused(name: str, patient: Patient) -> Problem:
    plain = name.partition(":")[2] if name.lower().startswith("connectionstrings:") else name
    return Problem(
        "FJ0172",
        f"the setting '{name}' holds a SignalR connection string, and no binding uses it",
        patient.settings.connection_place(plain),
        why=f"the bindings use {', '.join(patient.connections())}, which is not set, so the local "
        "service is used",
        fix=f'write "connectionStringSetting": "{plain}" in each SignalR binding, or rename the '
        "setting",
        severity=Severity.WARNING,
    )


def browsers(patient: Patient) -> Finding:
    """CORS, seen from the page that negotiates."""
    local = patient.settings.local_host
    policy, problems = make_policy(local.cors, local.cors_credentials, where=local.cors_at)
    found = list(problems)
    if not policy.configured:
        return "pages of this machine may call the functions", found
    said = "any page" if policy.any_origin else f"pages of {', '.join(local.cors)}"
    negotiates = any(True for _ in patient.bindings("signalrconnectioninfo", "signalrnegotiation"))
    if negotiates and not policy.credentials:
        found.append(_no_credentials())
    if not policy.any_origin and not any(is_local_page(o.rstrip("/")) for o in local.cors):
        found.append(_no_local_page(local.cors, local.cors_at))
    return f"{said} may call the functions", found


def _no_credentials() -> Problem:
    return Problem(
        "FJ0173",
        "a page of another origin cannot negotiate: CORS is set without credentials",
        Location("local.settings.json", pointer="/Host/CORSCredentials"),
        why="the SignalR client sends its requests with credentials, and a browser then drops answers "
        "without Access-Control-Allow-Credentials",
        fix='add "CORSCredentials": true beside CORS (and name the origins instead of *), or use '
        "withCredentials: false in the client",
        severity=Severity.WARNING,
    )


def _no_local_page(origins: tuple[str, ...], where: Location) -> Problem:
    return Problem(
        "FJ0173",
        "pages of this machine may not call the functions",
        where,
        why=f"CORS names other origins only: {', '.join(origins)}",
        fix="add the origin of the page you develop, such as http://localhost:3000, or remove CORS: "
        "then every page of this machine may call",
        severity=Severity.NOTE,
    )


def login(patient: Patient) -> Finding:
    """Whether functions ask who the caller is, and how to be somebody."""
    personas, problems = load_personas(patient.root)
    asking = sorted(
        {
            function.name
            for function in patient.functions
            for binding in function.bindings
            if "x-ms-client-principal" in str(binding.properties).lower()
        }
    )
    if not asking:
        return "no binding asks who the caller is", list(problems)
    name = next(iter(personas or ()), "NAME")
    return (
        f"{', '.join(asking)} ask{'s' if len(asking) == 1 else ''} who the caller is: sign in at "
        f"/.auth/login/aad, or start with --as {name}",
        list(problems),
    )


def host_json(patient: Patient) -> Finding:
    """host.json, as far as Azure and Core Tools need more of it than funcjson."""
    problems = [p for p in patient.settings.problems if _is_of_host_json(p)]
    problems += _bundle(patient)
    if (patient.root / "proxies.json").is_file():
        problems.append(_proxies())
    return "is complete for Azure too", problems


def _is_of_host_json(problem: Problem) -> bool:
    return problem.where is not None and problem.where.file == "host.json"


def _bundle(patient: Patient) -> Iterator[Problem]:
    source = patient.document("host.json")
    if source is None:
        if not (patient.root / "host.json").is_file():
            yield _bundle_problem(
                "there is no host.json", "it tells Core Tools and Azure that the folder is an app"
            )
        return
    names = {name.lower(): name for name in source.value}
    section = source.value.get(names.get("extensionbundle", ""))
    if not isinstance(section, dict):
        if next(patient.bindings("signalr"), None) is not None:
            yield _bundle_problem(
                "host.json asks for no extension bundle",
                "here the SignalR bindings are built in; on Azure they come with the bundle",
            )
        return
    version = str(section.get("version") or "")
    match = _BUNDLE.match(version)
    if match and int(match[1]) < _OLDEST_BUNDLE:
        problem = _bundle_problem(
            f"host.json asks for an old extension bundle: {version}",
            "Azure supports version 4; here nothing of it is used",
        )
        pointer = f"/{names['extensionbundle']}/version"
        yield replace(problem, where=source.locate(pointer), severity=Severity.NOTE)


def _bundle_problem(what: str, why: str) -> Problem:
    return Problem(
        "FJ0174",
        what,
        Location("host.json"),
        why,
        'write "version": "2.0" and "extensionBundle": {"id": '
        '"Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"}',
        Severity.WARNING,
    )


def _proxies() -> Problem:
    return Problem(
        "FJ0176",
        "proxies.json is not read",
        Location("proxies.json"),
        why="proxies ended with version 4 of the Functions host",
        fix="give the functions a 'route' of their own, or put a web server in front",
        severity=Severity.WARNING,
    )
