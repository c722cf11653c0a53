"""Tests of country_rules.py.

    .tools/emulator/bin/python -m unittest discover -s tests/stack
"""

import tempfile
import unittest
from datetime import date
from pathlib import Path

from country_rules import FOLDER, old_lines

LINE = '[sms.links]\nanswer = "yes"\nchecked = "2026-11-25"\n[sms.hours]\nanswer = []\nchecked = "2027-03-01"\n'


class CountryRules(unittest.TestCase):
    def test_a_rule_older_than_a_year_is_named_with_its_file(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "xx.toml").write_text(LINE)
            self.assertEqual(old_lines(Path(folder), date(2027, 11, 26)), [])
            [problem] = old_lines(Path(folder), date(2027, 11, 27))
            self.assertIn("xx.toml: [sms.links] was checked on 2026-11-25, more than a year ago", problem)
            self.assertEqual(len(old_lines(Path(folder), date(2028, 3, 2))), 2)

    def test_a_date_to_come_is_a_mistake(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "xx.toml").write_text(LINE)
            [problem] = old_lines(Path(folder), date(2026, 12, 1))
            self.assertIn("[sms.hours] was checked on 2027-03-01, which is still to come", problem)

    def test_a_price_of_an_old_list_is_named_even_if_it_was_checked(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "xx.toml").write_text('[sms.price]\nas_of = "2026-10-08"\nchecked = "2027-09-01"\n')
            self.assertEqual(old_lines(Path(folder), date(2027, 10, 9)), [])
            [problem] = old_lines(Path(folder), date(2027, 10, 10))
            self.assertIn("xx.toml: [sms.price] is of a list of 2026-10-08, more than a year ago", problem)

    def test_the_files_are_found(self):
        self.assertTrue(old_lines(FOLDER, date(2100, 1, 1)))


if __name__ == "__main__":
    unittest.main()
