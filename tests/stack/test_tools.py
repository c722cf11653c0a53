"""Tests of what is installed and built for AWS: pinned by hash, from the lock file, and only what `make check` passed."""

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

    def test_what_goes_to_aws_is_built_from_the_lock_file(self):
        self.assertIn('"--locked"', (HERE / "package.py").read_text())
        makefile = (HERE.parents[1] / "Makefile").read_text()
        self.assertIn("$(CARGO) build --locked --release", makefile)
        self.assertRegex(makefile, r"\ndeploy: checked package ##")


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
