"""Refresh the JavaScript libraries kept in ``web/static/vendor``.

Run it after changing a pinned version below: it packs each package with npm, keeps the one file the pages load
together with its licence and notice, and writes ``VENDOR.json`` with the hash of every kept file. Neither
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

VENDOR_DIR = Path(__file__).resolve().parents[2] / "web" / "static" / "vendor"


@dataclass(frozen=True, slots=True)
class Package:
    """One pinned npm package: which file of it the pages load, and what its licence asks us to carry along.

    ``notice`` is the text of the project's NOTICE file where the npm package lacks it.
    """

    name: str
    version: str
    member: str
    licence: str
    licence_member: str
    notice: str
    note: str


PACKAGES = (
    Package(
        name="lightweight-charts",
        version="5.2.1",
        member="dist/lightweight-charts.standalone.production.mjs",
        licence="Apache-2.0",
        licence_member="LICENSE",
        notice="TradingView Lightweight Charts™\nCopyright (c) 2025 TradingView, Inc. https://www.tradingview.com/\n",
        note="Its README asks pages to show the notice with a link to https://www.tradingview.com/ and says that "
        "it holds parts of tslib (Microsoft Corporation, BSD Zero Clause License).",
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


def keep(package: Package, archive: Path, vendor_dir: Path) -> dict[str, object]:
    """Write the package's kept files below ``vendor_dir`` and return its entry for VENDOR.json."""
    files = {
        Path(package.member).name: read_member(archive, package.member),
        "LICENSE.txt": read_member(archive, package.licence_member),
        "NOTICE.txt": package.notice.encode(),
    }
    folder = vendor_dir / package.name
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


def main() -> int:
    """Refresh every pinned package; the exit status is 1 when npm is missing or refuses."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            entries = [keep(package, pack(package, Path(folder)), VENDOR_DIR) for package in PACKAGES]
    except FileNotFoundError as error:
        print(f"Nothing was refreshed: {error}. Install npm and run this again.", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"Nothing was refreshed, npm refused: {error.stderr.strip()}", file=sys.stderr)
        return 1
    (VENDOR_DIR / "VENDOR.json").write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n")
    for package in PACKAGES:
        print(f"Kept {package.name} {package.version} in {VENDOR_DIR / package.name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
