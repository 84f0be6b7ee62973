"""The page on which a developer chooses or invents the user to sign in as."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from funcjson.identity import PROVIDERS, Persona

_NOTHING: Mapping[str, str] = {}
_LABELS = {"aad": "Microsoft Entra ID", "github": "GitHub", "twitter": "X (Twitter)"}

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }}
body {{ max-width: 34rem; margin: 3rem auto; padding: 0 1rem }}
h1 {{ font-size: 1.5rem; margin-bottom: .25rem }} h2 {{ font-size: 1.1rem; margin-top: 2rem }}
p.note {{ opacity: .75; margin-top: 0 }}
label {{ display: block; margin-top: .75rem }}
input, textarea, select {{ font: inherit; width: 100%; box-sizing: border-box; padding: .4rem }}
button {{ font: inherit; padding: .45rem 1rem; margin: .35rem .35rem 0 0; cursor: pointer }}
small {{ opacity: .75 }}
[role=alert] {{ border-left: .25rem solid #c33; padding-left: .75rem }}
</style></head><body>{body}</body></html>
"""


_FIELDS = ("userDetails", "userId", "userRoles", "claims")


def login_page(
    provider: str,
    personas: Mapping[str, Persona],
    redirect: str,
    typed: Mapping[str, str] = _NOTHING,
    error: str = "",
) -> str:
    """A page with one button a persona, and a form to invent one.

    `typed` is what stands in the form's fields, `error` why the form was not taken.
    """
    name, user_id, roles, claims = (escape(typed.get(field, "")) for field in _FIELDS)
    refused = f'<p role="alert">Not signed in: {escape(error)}</p>' if error else ""
    label = _LABELS.get(provider, provider.title())
    hidden = (
        f'<input type="hidden" name="post_login_redirect_uri" value="{escape(redirect)}">'
        if redirect
        else ""
    )
    buttons = "".join(
        f'<button name="persona" value="{escape(name)}">{escape(name)}{_roles(persona)}</button>'
        for name, persona in personas.items()
    )
    action = f'method="post" action="/.auth/login/{escape(provider)}"'
    chosen = (
        f"<h2>Choose a persona</h2><form {action}>{hidden}{buttons}</form>"
        if personas
        else "<p class=note>Personas in <code>personas.json</code> of the app are listed here.</p>"
    )
    others = " · ".join(
        f'<a href="/.auth/login/{name}">{escape(_LABELS.get(name, name.title()))}</a>'
        for name in PROVIDERS
        if name != provider
    )
    body = f"""<h1>Sign in with {escape(label)}</h1>
<p class="note">A local twin of the login page: no password, nobody is asked.</p>
{chosen}
<h2>Invent one</h2>{refused}
<form {action}>{hidden}
<label>Name <input name="userDetails" value="{name}" required autofocus autocomplete="username"></label>
<label>User id <small>(the name when empty)</small> <input name="userId" value="{user_id}"></label>
<label>Roles <small>(separated by commas)</small> <input name="userRoles" value="{roles}"></label>
<label>Claims <small>(JSON: {{"type": "value"}})</small>
<textarea name="claims" rows="3">
{claims}</textarea></label>
<button>Sign in</button></form>
<h2>Another provider</h2><p>{others}</p>"""
    return page(f"Sign in with {label}", body)


def page(title: str, body: str) -> str:
    """A small page. `body` is HTML."""
    return _PAGE.format(title=escape(title), body=body)


def _roles(persona: Persona) -> str:
    return f" <small>({escape(', '.join(persona.roles))})</small>" if persona.roles else ""
