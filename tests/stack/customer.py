"""The customer's side of the story: a system that hears of bookings and conversations by signed webhooks. It registers
an endpoint, fails for a while, and ends with every event, in order."""

import re
import time
import uuid

from stack import Failed

NAME = "crm"


class Customer:
    def __init__(self, story):
        self.story = story
        self.stack = story.stack
        self.url = f"{self.stack.sandbox}/receiver/{NAME}"

    def register(self):
        """Registers an endpoint. Until it has answered a signed test, its events wait."""
        # With a kept state, the endpoint of the last run exists. Only its owner knows its secret.
        self.stack.api("DELETE", f"/api/endpoints/{NAME}")
        self.stack.request("DELETE", f"/receiver/{NAME}")
        wanted = {"id": NAME, "url": self.url, "events": ["*"], "headers": {"X-Api-Key": "a key of the customer"}}
        created = self.story.call("POST", "/api/endpoints", wanted)
        self.token = created["catchUpToken"]
        shown = self.story.call("GET", f"/api/endpoints/{NAME}")
        if created["secret"] in str(shown) or "a key of the customer" in str(shown):
            raise Failed(f"an endpoint's secrets must not be shown again: {shown}")
        self.stack.request("PUT", f"/receiver/{NAME}", {"secret": created["secret"]})
        self.story.say(f"a customer registers an endpoint, {self.url}; its events wait until it is tested")
        tested = self.story.call("POST", f"/api/endpoints/{NAME}/test", {})
        self.expect("webhook.test")
        if self.story.call("GET", f"/api/endpoints/{NAME}")["status"] != "enabled":
            raise Failed(f"a successful test should have enabled the endpoint: {tested}")
        self.story.say("the endpoint answers a signed test and is enabled")
        # Functions notice the first endpoint of a connection within five seconds.
        self.noticed_at = time.monotonic() + 6

    def talk(self):
        """VAI reports a conversation, one event twice."""
        session = f"conv-{uuid.uuid4()}"
        events = [
            {"id": f"{session}-1", "event": "conversation.started", "data": {"sessionId": session, "platform": "web"}},
            {"id": f"{session}-2", "event": "message.received", "data": {"sessionId": session, "message": "Bună ziua!"}},
            {"id": f"{session}-3", "event": "conversation.ended", "data": {"sessionId": session, "resolved": True}},
        ]
        for batch in (events, events[:1]):
            self.story.call("POST", "/api/events", {"events": batch})
        self.expect("conversation.ended", session)
        numbers = [it["number"] for it in self.taken() if it["stream"] == f"conversation/{session}"]
        if numbers != [1, 2, 3]:
            raise Failed(f"the conversation's events should have come once and in order: {numbers}")
        time.sleep(max(0, self.noticed_at - time.monotonic()))
        self.story.say("VAI reports a conversation of three events, one of them twice; the customer gets each once, in order")

    def fail(self):
        self.stack.request("PUT", f"/receiver/{NAME}", {"behavior": {"status": 500}})
        self.story.say("the customer's system fails")

    def recover(self, event, booking):
        """Waits for a failed attempt, lets the system answer again, and waits for the event."""
        self._wait(f"a failed attempt for {booking}", lambda: any(
            it["stream"] == f"booking/{booking}" and it["state"] == "pending" for it in self.deliveries()
        ))  # fmt: skip
        self.stack.request("PUT", f"/receiver/{NAME}", {"behavior": {}})
        self.expect(event, booking, within=90)
        self.story.say(f"it answers again: what had failed is sent again, and {event} arrives after it")

    def expect(self, event, about="", within=30):
        """Waits until an event was taken, and verified."""
        found = self._wait(f"{event} of {about or NAME}", lambda: [
            it for it in self.taken() if it["type"] == event and about in (it["stream"] or "")
        ], within)[-1]  # fmt: skip
        if (found["v1"], found["xVai"]) != ("ok", "ok"):
            raise Failed(f"the signatures of {event} should be right: {found}")
        return found

    def check_bookings(self, *bookings):
        """Verifies that nothing is missing, and that catching up gives the same bytes."""
        view = self.view()
        if view["gaps"] or any(it["v1"] != "ok" for it in view["deliveries"]):
            raise Failed(f"the customer should have every event, each verified: {view['counts']}, {view['gaps']}")
        for booking in bookings:
            stream = f"booking/{booking}"
            taken = [it["body"] for it in self.taken() if it["stream"] == stream]
            answer = self.story.call("GET", f"/api/bookings/{booking}/events?after=0",
                                     headers={"Authorization": f"Bearer {self.token}"})  # fmt: skip
            if [it["body"] for it in answer["events"]] != taken:
                raise Failed(f"catching up with {stream} should give what was delivered")
        statistics = self.story.call("GET", f"/api/endpoints/{NAME}/statistics")["stats"]
        if statistics["sent"] < len(self.taken()) - 1 or statistics["failed"]:
            raise Failed(f"the statistics should count what was delivered: {statistics}")
        self.story.say(f"the customer has {len(self.taken())} events, each verified and in order; catching up gives the same bytes")

    def hear_by_email(self):
        """Another endpoint has an address instead of a URL. It is confirmed by a link, then gets events as e-mails."""
        name, address = "ops", "ops@customer.example"
        self.stack.api("DELETE", f"/api/endpoints/{name}")
        wanted = {"id": name, "delivery": "email", "email": address, "events": ["conversation.ended"]}
        self.story.call("POST", "/api/endpoints", wanted)
        mail = self.story.expect("emails", "an address is to get events, too, and is sent a link",
                                 lambda it: it["to"] == address and "/api/endpoints/confirm" in it["text"])  # fmt: skip
        link = re.search(r"https?://\S+/api/endpoints/confirm\?token=\S+", mail["text"]).group()
        for method, expected in (("GET", "unverified"), ("POST", "enabled")):
            # The link names the address of the API as the world sees it.
            path = link[link.index("/api/"):]
            self.stack.api(method, path, headers={"Authorization": None})
            if (status := self.story.call("GET", f"/api/endpoints/{name}")["status"]) != expected:
                raise Failed(f"after {method} of the link the endpoint should be {expected}, and is {status}")
        session = f"conv-{uuid.uuid4()}"
        event = {"event": "conversation.ended", "data": {"sessionId": session, "resolved": True}}
        self.story.call("POST", "/api/events", event)
        self.story.expect("emails", "its button confirms the address; the next event comes by e-mail",
                          lambda it: it["to"] == address and session in it["text"])  # fmt: skip

    def deliveries(self):
        return self.story.call("GET", f"/api/endpoints/{NAME}/attempts")["deliveries"]

    def view(self):
        return self.stack.get(f"/receiver/{NAME}.json")

    def taken(self):
        return [it for it in self.view()["deliveries"] if it["outcome"] == "taken"]

    def _wait(self, what, look, within=30):
        until = time.monotonic() + within
        while time.monotonic() < until:
            if found := look():
                return found
            time.sleep(0.3)
        raise Failed(f"{what} did not come within {within} s: {self.view()['counts']}; logs: {self.stack.folder}")
