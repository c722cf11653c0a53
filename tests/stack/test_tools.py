"""Tests of what is installed and built for AWS: pinned by hash, from the lock file, and only what `make check` passed."""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import checked
import tools

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()


class Pins(unittest.TestCase):
    def test_every_python_tool_is_pinned_by_version_and_hash(self):
        files = sorted(HERE.glob("requirements-*.txt"))
        self.assertEqual(len(files), 7)
        for path in files:
            # A requirement goes on over the lines that end with a backslash.
            for one in path.read_text().replace("\\\n", " ").splitlines():
                self.assertRegex(one, r"^[A-Za-z0-9._-]+(\[[a-z0-9,-]+\])?==\S+( +--hash=sha256:[0-9a-f]{64})+$", path.name)

    def test_hashes_are_required_and_nothing_is_built_while_it_is_installed(self):
        text = (HERE / "tools.py").read_text()
        self.assertIn('"--require-hashes", "--only-binary", ":all:"', text)
        self.assertEqual(len(re.findall(r'"-m", "pip", "install"', text)), 1)

    def test_no_other_way_of_installing_is_used(self):
        # What our own scripts may call; the README of the receivers is for customers.
        installs = r"pip(3)?\"?,? \"?install|npm(-cli\.js)?\"?,? \"?(i|install)\b|\bnpx\b|\bcurl\b.*\|\s*(ba)?sh\b"
        scripts = [*HERE.glob("*.py"), *(ROOT / "tests/bench").glob("*.py"), ROOT / "Makefile", ROOT / ".ci/run"]
        found = [path.name for path in scripts if re.search(installs, path.read_text())]
        self.assertEqual(sorted(found), ["test_tools.py", "tools.py"])

    def test_the_packages_of_npm_have_hashes_and_run_no_scripts(self):
        lock = json.loads((HERE / "package-lock.json").read_text())
        packages = {name: it for name, it in lock["packages"].items() if name}
        self.assertGreater(len(packages), 2)
        for name, it in packages.items():
            self.assertRegex(it["integrity"], r"^sha512-", name)
        text = (HERE / "tools.py").read_text()
        self.assertEqual(len(re.findall(r'\*npm, "ci", [^]]*"--ignore-scripts"', text)), 1)

    def test_rust_is_built_from_the_lock_file_everywhere(self):
        # What compiles, in a Makefile or in a list of Python.
        compiles = r'(?:\$\(CARGO\) |"cargo", |cargo-lambda", "lambda", |^\s*cargo )"?(?:build|run|test|clippy|doc|install)\b.*'
        scripts = [*HERE.glob("*.py"), *(ROOT / "tests/bench").glob("*.py"), ROOT / "Makefile", ROOT / ".ci/run"]
        found = [line for path in scripts for line in re.findall(compiles, path.read_text(), re.MULTILINE)]
        self.assertGreaterEqual(len(found), 14)
        self.assertEqual([line for line in found if "--locked" not in line], [])


class Deployment(unittest.TestCase):
    def recipe(self, target):
        """Returns what a target needs, and its lines."""
        # Another line before may set variables for it.
        head, *lines = re.search(rf"^{target}:[^#\n]*(?:##.*)?\n(?:\t.*\n)+", MAKEFILE, re.MULTILINE)[0].splitlines()
        return head.split("##")[0].split(":")[1].split(), [line.strip() for line in lines]

    def test_what_has_passed_is_looked_at_before_the_build(self):
        self.assertEqual(self.recipe("deploy")[0], ["checked", "package"])
        self.assertEqual(self.recipe("checked")[1], ["@$(PYTHON) tests/stack/checked.py verify"])

    def test_what_has_passed_is_looked_at_again_after_the_build(self):
        lines = self.recipe("deploy")[1]
        [at] = [index for index, line in enumerate(lines) if "sam deploy" in line]
        self.assertEqual(lines[at - 1], "@$(PYTHON) tests/stack/checked.py verify")

    def test_the_checks_begin_before_all_and_pass_after_all(self):
        lines = [line for line in self.recipe("check")[1] if not line.startswith("@echo")]
        self.assertEqual(lines[1], "@$(PYTHON) tests/stack/checked.py begin")
        self.assertEqual(lines[-1], "@$(PYTHON) tests/stack/checked.py passed")
        self.assertIn("@$(PYTHON) tests/stack/checked.py advisories", lines)


class Rotation(unittest.TestCase):
    def connect(self, *given):
        command = ["make", "--dry-run", "connect", "CONNECTION=acme", *given]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    def test_an_old_key_ends_when_the_operator_says(self):
        self.assertNotIn("--rotate", self.connect().stdout)
        self.assertRegex(self.connect("ROTATE=1").stdout, r"--rotate\s")
        self.assertRegex(self.connect("ROTATE=now").stdout, r"--rotate=now\s")
        # Another word would leave a leaked key good for a day.
        for mistake in ("NOW", "yes", "now,"):
            self.assertNotEqual(self.connect(f"ROTATE={mistake}").returncode, 0, mistake)


class Checked(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        subprocess.run(["git", "init", "-q", self.root], check=True)
        (self.root / ".gitignore").write_text(".local/\n")
        (self.root / "code").write_text("one")
        for it in (mock.patch.object(tools, "ROOT", self.root), mock.patch.dict(os.environ, {"ADVISORIES": ""})):
            it.start()
            self.addCleanup(it.stop)

    def pass_checks(self, advisories=True):
        checked.begin()
        if advisories:
            checked.write(checked.read() | {"advisories": True})
        checked.passed()

    def assert_refused(self, call, reason):
        with self.assertRaises(SystemExit) as refused:
            call()
        self.assertIn(reason, str(refused.exception))

    def test_only_what_has_passed_is_deployed(self):
        self.assert_refused(checked.verify, "Nothing has passed")
        checked.begin()
        self.assert_refused(checked.verify, "Nothing has passed")
        self.pass_checks()
        checked.verify()
        (self.root / "code").write_text("two")
        self.assert_refused(checked.verify, "have changed")
        (self.root / "code").write_text("one")
        (self.root / "new").write_text("")
        self.assert_refused(checked.verify, "have changed")

    def test_a_change_during_the_checks_does_not_pass(self):
        checked.begin()
        (self.root / "code").write_text("two")
        self.assert_refused(checked.passed, "while the checks ran")

    def test_what_was_not_held_against_the_advisories_is_not_deployed_unasked(self):
        self.pass_checks(advisories=False)
        self.assert_refused(checked.verify, "advisories were not checked")
        with mock.patch.dict(os.environ, {"ADVISORIES": "unchecked"}):
            checked.verify()

    def test_advisories_fail_closed_where_their_database_can_be_had(self):
        checked.begin()
        # cargo-deny can't fetch it, git can.
        with mock.patch.object(checked, "succeeds", lambda *command, within: command[0] == "git"):
            self.assert_refused(checked.advisories, "can be reached")
        with mock.patch.object(checked, "succeeds", lambda *command, within: False):
            checked.advisories()
        self.assertNotIn("advisories", checked.read())


if __name__ == "__main__":
    unittest.main()
