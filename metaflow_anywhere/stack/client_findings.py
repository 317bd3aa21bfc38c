"""What doctor says of the client: which profile and which variables win here, and where they lead elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from metaflow_anywhere.hints import command
from metaflow_anywhere.stack import profile
from metaflow_anywhere.stack.client import PROXY_VARIABLES, client_environment
from metaflow_anywhere.stack.findings import Finding
from metaflow_anywhere.stack.stack import Stack

LEADING = (  # where a flow's runs and artifacts go
    "METAFLOW_DEFAULT_METADATA", "METAFLOW_SERVICE_URL", "METAFLOW_DEFAULT_DATASTORE",
    "METAFLOW_DATASTORE_SYSROOT_LOCAL",
)  # fmt: skip
LOCAL = "runs that are started from here go to Metaflow's local metadata, not to this stack"


def eval_env() -> str:
    """The line that points a shell at the stack."""
    return f'eval "$({command("env")})"'


def client_findings(stack: Stack, environ: Mapping[str, str]) -> Iterator[Finding]:
    """How a client that is started from this shell would be configured."""
    name = environ.get("METAFLOW_PROFILE", "")
    active = profile.read(profile.path_of(name, environ))
    yield from _profile(stack, environ, name, active)
    wanted = client_environment(stack.settings, environ)
    way_out = f"{eval_env()}  or  {command('run', after='...')}"
    astray = []
    for variable in wanted:
        value, origin = _effective(variable, environ, active)
        if value is not None and value != wanted[variable] and variable.startswith("METAFLOW_"):
            astray.append(f"{variable}={value} ({origin})")
    unset = [variable for variable in LEADING if _effective(variable, environ, active)[0] is None]
    if astray:
        yield Finding("note", "client", f"leads elsewhere: {', '.join(astray)}", way_out)
    elif "METAFLOW_DEFAULT_METADATA" in unset:
        yield Finding("note", "client", f"this shell does not point at the stack: {LOCAL}", way_out)
    elif unset:
        yield Finding("note", "client", f"points at the stack but for {', '.join(unset)}", way_out)
    else:
        origin = _effective("METAFLOW_SERVICE_URL", environ, active)[1]
        yield Finding("ok", "client", f"this shell points at the stack, by {origin}")
    if any(environ.get(variable) for variable in PROXY_VARIABLES) and "127.0.0.1" not in (
        environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    ):
        yield Finding("note", "client", "an HTTP proxy is set, and loopback is not excepted", eval_env())


def _profile(stack: Stack, environ: Mapping[str, str], name: str, active: profile.Profile) -> Iterator[Finding]:
    """Which profile counts, whether it is as it should be, and what of it is overruled."""
    configure = command("configure", **({"name": name} if name != profile.NAME else {}))
    if not active.exists:
        if name:
            text = f"METAFLOW_PROFILE={name}, and {active.path} is not there: Metaflow refuses to start"
            yield Finding("bad", "profile", text, configure)
            return
        known = profile.ours(stack.settings, environ)
        if known:
            other = known[0].path.stem.removeprefix("config_")
            yield Finding(
                "ok", "profile", f"{known[0].path} is for this stack; used where METAFLOW_PROFILE={other} is set"
            )
        else:
            yield Finding("ok", "profile", f"none (for cron, IDEs and other environments: {command('configure')})")
        return
    chosen = f"METAFLOW_PROFILE={name}" if name else "no METAFLOW_PROFILE is set"
    overruled = [
        one for one in LEADING if one in environ and one in active.values and environ[one] != active.values[one]
    ]
    if overruled:
        text = f"{active.path} ({chosen}) says otherwise than this shell's {', '.join(overruled)}, which win"
        yield Finding("note", "profile", text, f"unset {' '.join(overruled)}   (to go by the profile)")
    elif active.root == stack.settings.root and active.values != profile.wanted(stack.settings):
        yield Finding("note", "profile", f"{active.path} is not what the stack is now", configure)
    else:
        yield Finding("ok", "profile", f"{active.path} ({chosen})")


def _effective(variable: str, environ: Mapping[str, str], active: profile.Profile) -> tuple[str | None, str]:
    """What Metaflow takes for ``variable``, and where from: the environment wins over the profile."""
    if environ.get(variable):
        return environ[variable], "this shell's variables"
    if variable in active.values:
        return active.values[variable], f"profile {active.path}"
    return None, ""
