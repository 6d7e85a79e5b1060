"""The demo customers of the conversations, as knowledge_base/seed/demo.yml describes them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """Somebody with one easy order."""

    email: str
    order: str


ALEX = Person("alex.morgan@example.com", "1043")  # being prepared: Norvane Swift 1.7 and Norvane Duo 2-Slice
PRIYA = Person("priya.shah@example.com", "1187")  # on its way: Sonarra Quiet 700
TOM = Person("tom.gallagher@example.org", "1256")  # delivered: Kestrelle Capsule Mini and Tamsin Milk Frother
GRACE = Person("grace.okafor@example.net", "1322")  # delivered 45 days ago: Tamsin SteamGlide 3000
DANIEL = Person("daniel.evans@example.com", "1409")  # a return is on its way back
MEGAN = Person("megan.campbell@example.org", "1518")  # should have arrived three working days ago
