"""Whether this Python can run TickStock. Written in what the oldest Python 3 reads, so that it can say no."""

MINIMUM = (3, 11)


def complaint(version: "tuple[int, ...]", os_name: str) -> str:
    """One line on why this Python cannot run TickStock, or an empty text; of sys.version_info and os.name."""
    if os_name != "posix":
        return "TickStock runs on Linux and macOS; on Windows, run it in WSL."
    if tuple(version[:2]) >= MINIMUM:
        return ""
    needed = ".".join(str(part) for part in MINIMUM)
    found = ".".join(str(part) for part in version[:3])
    return (
        "TickStock needs Python " + needed + " or newer; this is " + found + ". "
        "Install a newer one and run this command with it, such as python" + needed + "."
    )
