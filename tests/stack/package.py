"""Builds the arm64 binaries for AWS: target/package/<function>/bootstrap, and a zip of each.

With --check it only checks that they are arm64 binaries.
"""

import os
import shutil
import subprocess
import sys
import zipfile

import tools
from stack import FUNCTIONS

PACKAGE = tools.ROOT / "target/package"


def build():
    bin = tools.install("package") / "bin"
    if not shutil.which("rustup"):
        sys.exit("Building for arm64 needs rustup (https://rustup.rs), which installs the target's standard library")
    tools.say("building for arm64")
    if subprocess.run(["rustup", "target", "add", "aarch64-unknown-linux-gnu"], cwd=tools.ROOT).returncode:
        sys.exit("rustup could not add the target aarch64-unknown-linux-gnu")
    packages = [word for name in FUNCTIONS for word in ("-p", name)]
    command = [bin / "cargo-lambda", "lambda", "build", "--release", "--locked", "--arm64", "--compiler", "cargo-zigbuild"]
    env = os.environ | {"PATH": f"{bin}:{os.environ['PATH']}"}
    if subprocess.run([*command, *packages, "--lambda-dir", PACKAGE], cwd=tools.ROOT, env=env).returncode:
        sys.exit("the arm64 build failed")


def check():
    for name in FUNCTIONS:
        binary = PACKAGE / name / "bootstrap"
        # ELF, 64 bits, little-endian; machine 183 is AArch64.
        head = binary.read_bytes()[:20] if binary.exists() else b""
        if head[:6] != b"\x7fELF\x02\x01" or int.from_bytes(head[18:20], "little") != 183:
            sys.exit(f"{binary} is not an arm64 Linux binary: `make package` builds it")


def zips():
    for name in FUNCTIONS:
        binary = PACKAGE / name / "bootstrap"
        with zipfile.ZipFile(PACKAGE / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            entry = zipfile.ZipInfo("bootstrap")  # without a date, so the same code gives the same zip
            entry.external_attr, entry.compress_type = 0o755 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(entry, binary.read_bytes())
        size, packed = binary.stat().st_size, (PACKAGE / f"{name}.zip").stat().st_size
        print(f"{name:10} {size / 1e6:6.2f} MB, {packed / 1e6:.2f} MB zipped")


if "--check" not in sys.argv:
    build()
check()
if "--check" not in sys.argv:
    zips()
