"""The command line: what may be typed, and nothing of what is done. The bodies are imported when they are needed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from unbroken import __version__
from unbroken.errors import UnbrokenError
from unbroken.scaffold import Kind

app = typer.Typer(
    name="unbroken",
    help="A real-time AI chat backend whose answers survive reloads, deploys and crashes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
inspect_app = typer.Typer(
    help="Look into Redis: sessions, queue, running replies, dead letters.", no_args_is_help=False
)
dead_app = typer.Typer(help="Messages that were given up.", no_args_is_help=True)
app.add_typer(inspect_app, name="inspect")
inspect_app.add_typer(dead_app, name="dead")

Bot = Annotated[
    str | None, typer.Argument(help="Your bot: module:name, or ag-ui:http://… Without one, the model of the settings.")
]
Host = Annotated[str | None, typer.Option(help="Address to listen on; 0.0.0.0 for all. [default: 127.0.0.1]")]
Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one. [default: 8000]")]
Model = Annotated[str | None, typer.Option(help="Model name for the provider, local:<file or repository>, or demo.")]
DataDir = Annotated[Path | None, typer.Option(help="Where the embedded Valkey keeps its data. [default: .unbroken]")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """Runs the command line: exit code 0 if all went well, 1 after one sentence of what did not, 2 for misuse."""
    try:
        app()
    except UnbrokenError as error:
        from unbroken.terminal.look import complain

        complain(str(error))
        sys.exit(1)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"unbroken {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """A real-time AI chat backend whose answers survive reloads, deploys and crashes."""


@app.command()
def up(
    bot: Bot = None,
    host: Host = None,
    port: Port = None,
    model: Model = None,
    data_dir: DataDir = None,
    reload: Annotated[
        bool, typer.Option("--reload", help="Start the worker anew when the bot's code changes.")
    ] = False,
) -> None:
    """Start everything in one command: Valkey (unless REDIS_URL is set), a server and a worker."""
    from unbroken.config import load_settings
    from unbroken.terminal.up import run

    run(load_settings(bot=bot, host=host, port=port, model=model, data_dir=data_dir), reload=reload)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the bot's package, and of the folder that is made for it.")],
    kind: Annotated[Kind, typer.Option(help="What the bot is made of.")] = Kind.FUNCTION,
) -> None:
    """Write a project for a bot of your own: code, tests, a Dockerfile and a compose file."""
    from unbroken.terminal.new import new as write

    write(name, kind)


@app.command()
def server(host: Host = None, port: Port = None) -> None:
    """Run one web server. Needs REDIS_URL; start as many as you like."""
    from unbroken.config import load_settings
    from unbroken.server.run import serve
    from unbroken.supervisor.port import free_port

    settings = load_settings(host=host, port=port)
    free_port(settings.host, settings.port)
    serve(settings)


@app.command()
def worker(
    bot: Bot = None,
    model: Model = None,
    concurrency: Annotated[int | None, typer.Option(help="Replies at once. [default: 100]")] = None,
) -> None:
    """Run one worker. Needs REDIS_URL; start as many as you like."""
    from unbroken.config import load_settings
    from unbroken.worker.run import work

    work(load_settings(bot=bot, model=model, concurrency=concurrency))


@app.command()
def chat(
    url: Annotated[list[str] | None, typer.Option(help="Server to talk to; may be given several times.")] = None,
    token: Annotated[
        str | None, typer.Option(help="Attach to this session instead of creating one.", envvar="UNBROKEN_TOKEN")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the new session. [default: your user name]")] = None,
    bot: Annotated[
        str | None, typer.Option(help="Which of the server's bots answers the new session. [default: its first]")
    ] = None,
    api_key: Annotated[
        str | None, typer.Option(help="For servers that ask for one.", envvar="UNBROKEN_API_KEY")
    ] = None,
) -> None:
    """Chat in the terminal. Lines from a pipe are answered one after the other, as plain text."""
    from unbroken.terminal.talk import talk

    sys.exit(talk(url or ["http://localhost:8000"], token, name, api_key, bot))


@inspect_app.callback(invoke_without_command=True)
def inspect(
    context: typer.Context,
    data_dir: DataDir = None,
    limit: Annotated[int, typer.Option(min=1, help="Most sessions to list.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Look into Redis: sessions, queue, running replies, dead letters.

    Reads REDIS_URL or, without it, the embedded Valkey of `unbroken up` while that runs.
    """
    context.obj = data_dir
    if context.invoked_subcommand is None:
        from unbroken.terminal.inspect import overview

        overview(data_dir, limit, as_json=as_json)


@inspect_app.command("session")
def inspect_session(context: typer.Context, session: Annotated[str, typer.Argument()], as_json: AsJson = False) -> None:
    """Show one session with its messages."""
    from unbroken.terminal.inspect import session as show

    show(context.obj, session, as_json=as_json)


@inspect_app.command("export")
def inspect_export(context: typer.Context, session: Annotated[str, typer.Argument()], as_json: AsJson = False) -> None:
    """Print a session as Markdown, as people see it, or as JSON, with all that is stored."""
    from unbroken.terminal.inspect import export

    export(context.obj, session, as_json=as_json)


@inspect_app.command("delete")
def inspect_delete(context: typer.Context, session: Annotated[str, typer.Argument()]) -> None:
    """Delete a session with its whole history, whatever runs. This cannot be undone."""
    from unbroken.terminal.inspect import delete

    delete(context.obj, session)


@dead_app.command("list")
def dead_list(context: typer.Context, as_json: AsJson = False) -> None:
    """List the newest dead letters."""
    from unbroken.terminal.inspect import dead_letters

    dead_letters(context.obj, as_json=as_json)


Letter = Annotated[str, typer.Argument(help="Id of a dead letter, as `list` shows it, or `all`.")]


@dead_app.command("retry")
def dead_retry(context: typer.Context, letter: Letter) -> None:
    """Send the message of a dead letter again, as a new message of its session."""
    from unbroken.terminal.inspect import retry

    retry(context.obj, letter)


@dead_app.command("drop")
def dead_drop(context: typer.Context, letter: Letter) -> None:
    """Forget a dead letter. The failed reply stays in the session."""
    from unbroken.terminal.inspect import drop

    drop(context.obj, letter)
