"""The `filebody` command: the only room that prints."""

import signal
import sys

TYPE_CHECKING = False  # what is imported here is imported before Ctrl-C is taken care of
if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["is_json", "main"]

# What the extra `cli` brings; a plain `pip install filebody` has none of it.
_NEEDED = ("click", "rich", "OpenSSL", "service_identity")
_USAGE = 2


def main(arguments: "Sequence[str] | None" = None) -> int:
    """Run the command.

    Args:
        arguments: Without the program's name; None for those of the process.

    Returns:
        The exit code.
    """
    _end_quietly_when_interrupted()
    try:
        return _run(sys.argv[1:] if arguments is None else arguments)
    except OSError as error:  # of help and version: all else is told where it happens
        return _tell_no_output(error)


def _run(arguments: "Sequence[str]") -> int:
    if list(arguments) in (["--version"], ["-V"]):  # scripts ask often, and need no parser for it
        from filebody._version import __version__  # noqa: PLC0415 - see above

        print(f"filebody {__version__}", flush=True)  # noqa: T201 - the room that prints
        return 0
    from importlib.util import find_spec  # noqa: PLC0415 - see above

    missing = next((name for name in _NEEDED if find_spec(name) is None), None)
    if missing is not None:
        return _tell_missing(missing, arguments)
    from filebody.cli._commands import run  # noqa: PLC0415 - it imports click

    return run(arguments)


def is_json(arguments: "Sequence[str]") -> bool:
    """Whether the command line asks for JSON, even if it makes no sense otherwise."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def _tell_missing(package: str, arguments: "Sequence[str]") -> int:
    """Tell of a missing package without what the command prints with."""
    error = f"the command needs {package}, which is not installed: pip install 'filebody[cli]'"
    print(f"filebody: {error}", file=sys.stderr)  # noqa: T201 - see above
    if is_json(arguments):
        import json  # noqa: PLC0415 - see above

        facts = {"event": "error", "error": error, "error_kind": "usage", "exit_code": _USAGE}
        print(json.dumps(facts))  # noqa: T201 - see above
    return _USAGE


def _tell_no_output(error: OSError) -> int:
    """Tell that the standard output takes nothing; its reader may have gone (`| head`)."""
    import os  # noqa: PLC0415 - see above

    # What Python flushes at its end must not fail again, and say so.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    if isinstance(error, BrokenPipeError):
        return 1  # as click has it
    said = f"filebody: cannot write to the standard output: {error.strerror}"
    print(said, file=sys.stderr)  # noqa: T201 - see above
    return _USAGE


def _end_quietly_when_interrupted() -> None:
    """Let Ctrl-C end the process at once, until there is something to be told about or tidied up.

    Imports take a while, and Python would show where in them it was. What a shell ignores for a
    command in the background stays ignored.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        try:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        except ValueError:  # not in the main thread, which is not interrupted here
            return
