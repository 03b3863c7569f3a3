"""Where to go after a login: only to a path of this program, whatever a link says."""

import re

# A slash, then no second one of either kind: a browser would take what follows for another host. No spaces, control
# characters (which browsers leave out) or backslashes (which they turn into slashes) anywhere.
_LOCAL_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]{0,2000}")


def safe_next(target: str | None, default: str) -> str:
    """`target` if it is a path of this program, else `default`."""
    return target if target and _LOCAL_PATH.fullmatch(target) else default
