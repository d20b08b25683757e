"""`twin users`: accounts, their sessions and their tokens."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dashboards.cli._output import note, print_json
from dashboards.cli.desk import HERE, Config, Url, desk_of, known_sites, who
from twin.clock import NS_PER_S, iso_from_ns
from twin.policy import EVERY_SITE, Right, Role

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.desk.accounts import Account
    from connectors.desk.tokens import Token

app = typer.Typer(help="Accounts: who may come in, as what, and for which sites.", no_args_is_help=True)
token_app = typer.Typer(help="Tokens for programs that ask /api/v1.", no_args_is_help=True)
app.add_typer(token_app, name="token")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")]
RoleName = Annotated[str, typer.Option("--role", help="viewer, operator, engineer or admin.", metavar="ROLE")]
SiteNames = Annotated[
    list[str] | None, typer.Option("--site", help="A site that the role holds for; again for more. Left out: all.")
]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin, and ask nothing.")]
_DAY_NS = 24 * 3600 * NS_PER_S


def _role(text: str) -> Role:
    try:
        return Role[text.upper()]
    except KeyError:
        note(f"--role {text}: one of {', '.join(role.word for role in Role)}")
        raise typer.Exit(2) from None


def _sites(named: list[str] | None, config: Path, url: str) -> list[str]:
    wanted = [part.strip() for one in named or [EVERY_SITE] for part in one.split(",") if part.strip()]
    known = known_sites(config, url)
    for one in wanted:
        if known and one not in (EVERY_SITE, *known):
            note(f"--site {one}: there is no such site; there are {', '.join(known)}, and {EVERY_SITE} for all")
            raise typer.Exit(2)
    return wanted


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt="And again"))


def _time(t_ns: int | None) -> str:
    return "never" if t_ns is None else iso_from_ns(t_ns, 0)


def _told(one: Account) -> dict[str, object]:
    return {
        "name": one.name, "role": one.role.word, "sites": sorted(one.sites), "locked": one.locked,
        "created_ns": one.created_ns, "changed_ns": one.changed_ns,
    }  # fmt: skip


@app.command()
def add(
    name: Name,
    *,
    role: RoleName = "viewer",
    site: SiteNames = None,
    password_stdin: FromStdin = False,
    config: Config = HERE,
    url: Url = "",
) -> None:
    """Make an account. With the first one the pages ask everybody to log in."""
    from connectors.desk.accounts import Accounts

    kind, sites = _role(role), _sites(site, config, url)
    with desk_of(config, url) as desk:
        made = Accounts(desk).add(who(), name, _password(from_stdin=password_stdin), kind, sites)
    typer.echo(f"{made.name} is {made.role.word} for {_list(made.sites)}")


@app.command("list")
def list_users(*, config: Config = HERE, url: Url = "", json: Json = False) -> None:
    """List the accounts."""
    from connectors.desk.accounts import Accounts

    with desk_of(config, url) as desk:
        found = Accounts(desk).all()
    if json:
        print_json([_told(one) for one in found])
        return
    for one in found:
        typer.echo(f"{one.name}: {one.role.word} for {_list(one.sites)}{', locked' if one.locked else ''}")
    if not found:
        typer.echo("no accounts: the pages are open to this machine, and to no other")


@app.command("set")
def change(
    name: Name,
    *,
    role: RoleName = "",
    site: SiteNames = None,
    lock: Annotated[bool | None, typer.Option("--lock/--unlock", help="Keep it out, or let it in again.")] = None,
    config: Config = HERE,
    url: Url = "",
) -> None:
    """Change an account's role or sites, lock it or unlock it; its sessions end."""
    from connectors.desk.accounts import Accounts

    kind = _role(role) if role else None
    sites = _sites(site, config, url) if site else None
    with desk_of(config, url) as desk:
        one = Accounts(desk).change(who(), name, role=kind, sites=sites, locked=lock)
    typer.echo(f"{one.name} is {one.role.word} for {_list(one.sites)}{', locked' if one.locked else ''}")


@app.command()
def remove(name: Name, *, config: Config = HERE, url: Url = "") -> None:
    """Remove an account, its sessions and its tokens."""
    from connectors.desk.accounts import Accounts

    with desk_of(config, url) as desk:
        accounts = Accounts(desk)
        accounts.remove(who(), name)
        left = accounts.exist()
    typer.echo(f"{name} is removed")
    if not left:
        note("no accounts are left: the pages are open to this machine again, and to no other")


@app.command()
def passwd(name: Name, *, password_stdin: FromStdin = False, config: Config = HERE, url: Url = "") -> None:
    """Give an account another password; its sessions end."""
    from connectors.desk.accounts import Accounts

    with desk_of(config, url) as desk:
        accounts = Accounts(desk)
        accounts.get(name)
        accounts.set_password(who(), name, _password(from_stdin=password_stdin))
    typer.echo(f"{name} has another password")


@app.command()
def sessions(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Of one account; of all where none is named.")] = "",
    *,
    config: Config = HERE,
    url: Url = "",
    json: Json = False,
) -> None:
    """List who is logged in, from where, and since when."""
    from connectors.desk.sessions import Sessions

    with desk_of(config, url) as desk:
        found = Sessions(desk).all(name)
    if json:
        print_json(
            [
                {
                    "session": one.handle, "name": one.name, "begun_ns": one.begun_ns, "used_ns": one.used_ns,
                    "ends_ns": one.ends_ns, "address": one.address, "agent": one.agent,
                }
                for one in found
            ]
        )  # fmt: skip
        return
    for one in found:
        typer.echo(
            f"{one.handle} {one.name} from {one.address}, since {_time(one.begun_ns)}, used {_time(one.used_ns)}, "
            f"until {_time(one.ends_ns)} at the latest; {one.agent}"
        )
    if not found:
        typer.echo("nobody is logged in")


@app.command()
def revoke(
    which: Annotated[str, typer.Argument(metavar="SESSION|NAME", help="One session, or all of an account.")],
    *,
    config: Config = HERE,
    url: Url = "",
) -> None:
    """End sessions: their pages lead to the login within two seconds, their sockets are closed."""
    from connectors.desk.sessions import Sessions

    with desk_of(config, url) as desk:
        found = Sessions(desk).revoke(who(), which)
    typer.echo(f"{len(found)} sessions of {found[0].name} are ended")


@token_app.command("add")
def add_token(
    owner: Annotated[str, typer.Argument(metavar="NAME", help="The account that it belongs to, and ends with.")],
    *,
    label: Annotated[str, typer.Option("--label", help="What it is for.", metavar="TEXT")],
    right: Annotated[
        list[str] | None,
        typer.Option("--right", help=f"What it may besides see; again for more: {', '.join(Right)}.", metavar="RIGHT"),
    ] = None,
    site: Annotated[
        list[str] | None, typer.Option("--site", help="A site; again for more. Left out: the account's.")
    ] = None,
    days: Annotated[int, typer.Option("--days", help="How long it opens; 0 for without an end.", metavar="N")] = 365,
    config: Config = HERE,
    url: Url = "",
    json: Json = False,
) -> None:
    """Make a token, and print it: this once, for it is kept nowhere."""
    from connectors.desk.accounts import Accounts
    from connectors.desk.tokens import Tokens

    try:
        rights = [Right(one) for one in right or ["see"]]
    except ValueError:
        note(f"--right: one of {', '.join(Right)}")
        raise typer.Exit(2) from None
    if days < 0:
        note("--days is 0 or more")
        raise typer.Exit(2)
    sites = _sites(site, config, url)
    with desk_of(config, url) as desk:
        account = Accounts(desk).get(owner)
        ends_ns = desk.now_ns + days * _DAY_NS if days else None
        word, made = Tokens(desk).add(who(), account, label, rights, sites, ends_ns)
    if json:
        print_json({"token": word, **_of_token(made)})
        return
    typer.echo(word)
    note(f"token {made.id} of {owner}; send it as: Authorization: Bearer TOKEN")


@token_app.command("list")
def list_tokens(
    owner: Annotated[str, typer.Argument(metavar="[NAME]", help="Of one account; of all where none is named.")] = "",
    *,
    config: Config = HERE,
    url: Url = "",
    json: Json = False,
) -> None:
    """List the tokens, without what opens."""
    from connectors.desk.tokens import Tokens

    with desk_of(config, url) as desk:
        found, now_ns = Tokens(desk).all(owner), desk.now_ns
    if json:
        print_json([_of_token(one) for one in found])
        return
    for one in found:
        end = (
            "no end"
            if one.ends_ns is None
            else f"{'over since' if one.is_over(now_ns) else 'until'} {_time(one.ends_ns)}"
        )
        rights = ", ".join(sorted(one.rights))
        typer.echo(
            f"{one.id} {one.owner} ({one.label}): {rights} for {_list(one.sites)}; {end}; used {_time(one.used_ns)}"
        )
    if not found:
        typer.echo("no tokens")


@token_app.command("remove")
def remove_token(
    token: Annotated[str, typer.Argument(metavar="ID", help="As `twin users token list` prints it.")],
    *,
    config: Config = HERE,
    url: Url = "",
) -> None:
    """Take a token back."""
    from connectors.desk.tokens import Tokens

    with desk_of(config, url) as desk:
        found = Tokens(desk).remove(who(), token)
    typer.echo(f"token {found.id} of {found.owner} opens nothing any more")


def _of_token(one: Token) -> dict[str, object]:
    return {
        "id": one.id, "owner": one.owner, "label": one.label, "rights": sorted(one.rights), "sites": sorted(one.sites),
        "made_ns": one.made_ns, "ends_ns": one.ends_ns, "used_ns": one.used_ns,
    }  # fmt: skip


def _list(sites: frozenset[str]) -> str:
    return "all sites" if EVERY_SITE in sites else ", ".join(sorted(sites))
