"""The grammar of a route template: literal text, parameters, defaults and constraints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from funcjson.http_route_constraints import Constraint, ConstraintError, make_constraint


class TemplateError(ValueError):
    """A template that ASP.NET refuses. `azure` is its text, `fix` what to write instead."""

    def __init__(self, what: str, azure: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.azure = azure
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Parameter:
    """`{name:constraint?}`. A value None means that the URL leaves the parameter out."""

    name: str
    optional: bool = False
    catch_all: bool = False
    default: str | None = None
    constraints: tuple[tuple[str, Constraint], ...] = ()

    def accepts(self, value: str | None) -> bool:
        return self.refused_by(value) is None

    def refused_by(self, value: str | None) -> str | None:
        """The text of the first constraint that refuses a value, None when all take it."""
        if not self.constraints or (value is None and self.optional):
            return None
        for text, constraint in self.constraints:
            # Every constraint but those on an optional parameter wants a value to be there.
            if value is None or not constraint(value):
                return text
        return None


Part = str | Parameter


@dataclass(frozen=True, slots=True)
class Segment:
    """What stands between two slashes: text, a parameter, or a mixture as in `{file}.{ext}`."""

    parts: tuple[Part, ...]

    @property
    def is_literal(self) -> bool:
        return all(isinstance(part, str) for part in self.parts)

    @property
    def literal(self) -> str:
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def parameter(self) -> Parameter | None:
        """The parameter of a segment that is nothing else."""
        only = self.parts[0] if len(self.parts) == 1 else None
        return only if isinstance(only, Parameter) else None


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template, with the text that it came from."""

    text: str
    segments: tuple[Segment, ...]

    @property
    def parameters(self) -> Iterator[Parameter]:
        return (
            part
            for segment in self.segments
            for part in segment.parts
            if isinstance(part, Parameter)
        )


def parse_template(text: str) -> Template:
    """A template without outer slashes as its segments. Raises TemplateError."""
    if text.startswith("~/"):
        text = text[2:]
    if not text:
        return Template(text, ())
    segments = tuple(_segment(part, text) for part in _split_segments(text))
    template = Template(text, segments)
    seen: set[str] = set()
    for parameter in template.parameters:
        if parameter.name.lower() in seen:
            raise TemplateError(
                f"the route names the parameter '{parameter.name}' twice",
                f"The route parameter name '{parameter.name}' appears more than one time in the "
                "route template.",
                "give each parameter a name of its own",
            )
        seen.add(parameter.name.lower())
    for segment in segments[:-1]:
        if any(isinstance(part, Parameter) and part.catch_all for part in segment.parts):
            raise TemplateError(
                f"a catch-all parameter must be the end of the route '{text}'",
                "A catch-all parameter can only appear as the last segment of the route template.",
                "move {*...} to the end",
            )
    return template


def _split_segments(text: str) -> Iterator[str]:
    """Segments between slashes; a slash inside braces (a regex) belongs to its parameter."""
    start = depth = at = 0
    while at < len(text):
        pair = text[at : at + 2]
        if pair in ("{{", "}}"):
            at += 2
            continue
        if text[at] == "{":
            depth += 1
        elif text[at] == "}":
            depth -= 1
        elif text[at] == "/" and depth <= 0:
            yield _not_empty(text[start:at], text)
            start = at + 1
        at += 1
    yield _not_empty(text[start:], text)


def _not_empty(segment: str, template: str) -> str:
    if not segment:
        raise TemplateError(
            f"the route '{template}' has two slashes in a row",
            "The route template separator character '/' cannot appear consecutively. It must be "
            "separated by either a parameter or a literal value.",
            "write one slash; a route does not begin with one, since the prefix comes before it",
        )
    return segment


def _segment(text: str, template: str) -> Segment:
    parts: list[Part] = []
    literal = ""
    at = 0
    while at < len(text):
        pair = text[at : at + 2]
        if pair in ("{{", "}}"):
            literal += pair[0]
            at += 2
        elif text[at] == "}":
            raise _incomplete(template)
        elif text[at] == "{":
            inner, at = _braces(text, at, template)
            if literal:
                parts.append(_literal(literal, template))
                literal = ""
            elif parts and isinstance(parts[-1], Parameter):
                raise TemplateError(
                    f"two parameters touch each other in '{text}'",
                    "A path segment cannot contain two consecutive parameters. They must be "
                    "separated by a '/' or by a literal string.",
                    "put a slash or some text between them",
                )
            parts.append(_parameter(inner))
        else:
            literal += text[at]
            at += 1
    if literal:
        parts.append(_literal(literal, template))
    _check_mixture(text, parts)
    return Segment(tuple(parts))


def _braces(text: str, at: int, template: str) -> tuple[str, int]:
    """The inside of the braces that open at `at` (doubled ones undone), and where they end."""
    inner = ""
    here = at + 1
    while here < len(text):
        pair = text[here : here + 2]
        if pair in ("{{", "}}"):
            # `}}}` closes an escaped brace first: the last one is the parameter's own end.
            inner += pair[0]
            here += 2
        elif text[here] == "}":
            return inner, here + 1
        elif text[here] == "{":
            break
        else:
            inner += text[here]
            here += 1
    raise _incomplete(template)


def _incomplete(template: str) -> TemplateError:
    return TemplateError(
        f"the braces of the route '{template}' do not match",
        "There is an incomplete parameter in the route template. Check that each '{' character has "
        "a matching '}' character.",
        "close every { with a }; double both inside a regex",
    )


def _literal(text: str, template: str) -> str:
    if "?" in text:
        raise TemplateError(
            f"the route '{template}' holds a question mark outside of a parameter",
            f"The literal section '{text}' is invalid. Literal sections cannot contain the '?' "
            "character.",
            "a query string is not part of a route: read it in the handler",
        )
    return text


def _parameter(inner: str) -> Parameter:
    name, rest = inner, ""
    for at, character in enumerate(inner):
        if character in ":=":
            name, rest = inner[:at], inner[at:]
            break
    optional = inner.endswith("?")
    if optional:
        name, rest = (name, rest[:-1]) if rest else (name[:-1], "")
    catch_all = name.startswith("*")
    name = name.removeprefix("*").removeprefix("*") if catch_all else name
    if not name or any(character in "{}/?*" for character in name):
        raise TemplateError(
            f"'{name}' is not a name for a route parameter",
            f"The route parameter name '{name}' is invalid. Route parameter names must be "
            "non-empty and cannot contain these characters: '{', '}', '/'. The '?' character marks "
            "a parameter as optional, and can occur only at the end of the parameter. The '*' "
            "character marks a parameter as catch-all, and can occur only at the start of the "
            "parameter.",
            "use letters, digits and underscores",
        )
    constraints, default = _constraints(name, rest)
    if optional and catch_all:
        raise TemplateError(
            f"the catch-all parameter '{name}' cannot be optional",
            "A catch-all parameter cannot be marked optional.",
            "leave out the question mark: a catch-all matches nothing at all, too",
        )
    if optional and default is not None:
        raise TemplateError(
            f"the parameter '{name}' has a default and is optional",
            "An optional parameter cannot have default value.",
            "leave out the question mark",
        )
    return Parameter(name, optional, catch_all, default, constraints)


def _constraints(name: str, text: str) -> tuple[tuple[tuple[str, Constraint], ...], str | None]:
    """`:int:min(1)=5` as constraints and a default."""
    constraints: list[tuple[str, Constraint]] = []
    at = 0
    while at < len(text):
        if text[at] == "=":
            return tuple(constraints), text[at + 1 :]
        end = _constraint_end(text, at + 1)
        one = text[at + 1 : end]
        if one:
            try:
                constraints.append((one, make_constraint(one)))
            except ConstraintError as error:
                raise TemplateError(str(error), fix=error.fix) from error
        at = end
    return tuple(constraints), None


def _constraint_end(text: str, at: int) -> int:
    while at < len(text) and text[at] not in ":=(":
        at += 1
    if at < len(text) and text[at] == "(":
        while at < len(text):
            if text[at] == ")" and (at + 1 == len(text) or text[at + 1] in ":="):
                return at + 1
            at += 1
    return at


def _check_mixture(text: str, parts: list[Part]) -> None:
    for at, part in enumerate(parts):
        if not isinstance(part, Parameter):
            continue
        if part.catch_all and len(parts) > 1:
            raise TemplateError(
                f"a catch-all parameter must be alone between its slashes, unlike in '{text}'",
                "A path segment that contains more than one section, such as a literal section or "
                "a parameter, cannot contain a catch-all parameter.",
                "put a slash before {*...}",
            )
        if not part.optional or len(parts) == 1:
            continue
        if at != len(parts) - 1:
            raise TemplateError(
                f"the optional parameter '{part.name}' must be the end of '{text}'",
                "An optional parameter must be at the end of the segment. In the segment "
                f"'{text}', optional parameter '{part.name}' is followed by '{parts[at + 1]}'.",
                "make it required, or move it to the end",
            )
        if parts[at - 1] != ".":
            raise TemplateError(
                f"the optional parameter '{part.name}' of '{text}' may follow a full stop only",
                f"In the segment '{text}', the optional parameter '{part.name}' is preceded by an "
                f"invalid segment '{parts[at - 1]}'. Only a period (.) can precede an optional "
                "parameter.",
                "use a full stop or a slash as the separator",
            )
