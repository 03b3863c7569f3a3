"""Refresh the JavaScript libraries kept in ``web/static/vendor`` and, for tests, in ``tests/browser/vendor``.

Run it after changing a pinned version below: it packs each package with npm, keeps the one file the pages (or tests)
load together with its licence and notice, and writes ``VENDOR.json`` with the hash of every kept file. Neither
running nor testing TickStock needs npm; a test compares the kept files with ``VENDOR.json``.
"""

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES_DIR = ROOT / "web" / "static" / "vendor"
TESTS_DIR = ROOT / "tests" / "browser" / "vendor"


@dataclass(frozen=True, slots=True)
class Package:
    """One pinned npm package: which file of it is loaded, and what its licence asks us to carry along.

    ``vendor_dir`` is where it is kept, ``licences`` are the members that hold its licence and those of what it holds
    of others; ``notice`` is the text of the project's NOTICE file where the npm package lacks it.
    """

    vendor_dir: Path
    name: str
    version: str
    member: str
    licence: str
    licences: tuple[str, ...]
    notice: str
    note: str


PACKAGES = (
    Package(
        vendor_dir=PAGES_DIR,
        name="lightweight-charts",
        version="5.2.1",
        member="dist/lightweight-charts.standalone.production.mjs",
        licence="Apache-2.0",
        licences=("LICENSE",),
        notice="TradingView Lightweight Charts™\nCopyright (c) 2025 TradingView, Inc. https://www.tradingview.com/\n",
        note="Its README asks pages to show the notice with a link to https://www.tradingview.com/ and says that "
        "it holds parts of tslib (Microsoft Corporation, BSD Zero Clause License).",
    ),
    Package(
        vendor_dir=PAGES_DIR,
        name="socket.io-client",
        version="4.8.4",
        member="dist/socket.io.esm.min.js",
        licence="MIT",
        licences=("LICENSE",),
        notice="The file holds, all under the terms of LICENSE.txt:\n"
        "socket.io-client, engine.io-client, engine.io-parser, socket.io-parser:"
        " Copyright (c) 2014-present Guillermo Rauch and Socket.IO contributors\n"
        "@socket.io/component-emitter: Copyright (c) 2014 Component contributors <dev@component.io>\n",
        note="The build of modules without the debug package. It works without eval and adds no style.",
    ),
    Package(
        vendor_dir=TESTS_DIR,
        name="axe-core",
        version="4.14.1",
        member="axe.min.js",
        licence="MPL-2.0",
        licences=("LICENSE", "LICENSE-3RD-PARTY.txt"),
        notice="axe-core: Copyright (c) 2015 - 2026 Deque Systems, Inc.\n",
        note="Only tests load it. Its source is https://github.com/dequelabs/axe-core.",
    ),
)


def pack(package: Package, folder: Path) -> Path:
    """Download the package into ``folder`` and return its archive; npm checks the registry's integrity hash."""
    command = ["npm", "pack", f"{package.name}@{package.version}", "--silent", "--pack-destination", str(folder)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return folder / answer.stdout.strip().splitlines()[-1]


def read_member(archive: Path, member: str) -> bytes:
    """Return one file of an npm archive, whose paths all start with ``package/``."""
    with tarfile.open(archive) as tar:
        stream = tar.extractfile(f"package/{member}")
        if stream is None:
            raise FileNotFoundError(f"{archive.name} holds no file {member}; correct the member's name above.")
        return stream.read()


def keep(package: Package, archive: Path) -> dict[str, object]:
    """Write the package's kept files and return its entry for VENDOR.json."""
    files = {Path(package.member).name: read_member(archive, package.member), "NOTICE.txt": package.notice.encode()}
    for member in package.licences:
        files[f"{Path(member).stem}.txt"] = read_member(archive, member)
    folder = package.vendor_dir / package.name
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return {
        "name": package.name,
        "version": package.version,
        "licence": package.licence,
        "note": package.note,
        "sha256": {f"{package.name}/{name}": hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }


def refresh(vendor_dir: Path) -> None:
    """Keep every pinned package of a folder, and write its VENDOR.json."""
    packages = [package for package in PACKAGES if package.vendor_dir == vendor_dir]
    with tempfile.TemporaryDirectory() as folder:
        entries = [keep(package, pack(package, Path(folder))) for package in packages]
    (vendor_dir / "VENDOR.json").write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n")
    for package in packages:
        print(f"Kept {package.name} {package.version} in {vendor_dir / package.name}.")


def main() -> int:
    """Refresh every pinned package; the exit status is 1 when npm is missing or refuses."""
    try:
        for vendor_dir in (PAGES_DIR, TESTS_DIR):
            refresh(vendor_dir)
    except FileNotFoundError as error:
        print(f"Not everything was refreshed: {error}. Install npm and run this again.", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"Not everything was refreshed, npm refused: {error.stderr.strip()}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
