"""Tests of alarms.py.

    .tools/emulator/bin/python -m unittest discover -s tests/stack
"""

import unittest

from alarms import check_alarms, check_recipients


class Alarms(unittest.TestCase):
    def test_an_address_gets_alarms_once_it_is_confirmed(self):
        confirmed, pending = {"SubscriptionArn": "arn:aws:sns:a"}, {"SubscriptionArn": "PendingConfirmation"}
        for subscriptions, level in (([], "warn"), ([confirmed, pending], "warn"), ([confirmed], "ok")):
            self.assertEqual(check_recipients(subscriptions)[0], level)

    def test_alarms_that_are_on_have_their_names_in_the_template(self):
        self.assertEqual(check_alarms("vai-calendly-dev", [])[0], "ok")
        found = check_alarms("vai-calendly-dev", ["vai-calendly-dev-IntakeDlqAlarm-1A2B", "vai-calendly-dev-TroubleAlarm-3C4D"])
        self.assertTrue(found[2].startswith("IntakeDlqAlarm, TroubleAlarm on"), found)


if __name__ == "__main__":
    unittest.main()
