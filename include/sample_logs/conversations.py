"""Whole conversations: who calls when, about what, under which version of the desk."""

import datetime
import random
from collections.abc import Callable
from dataclasses import dataclass

from include.sample_logs import billing, contracts, lines, mobile
from include.sample_logs.customers import draw_customer
from include.sample_logs.dialogue import Dialogue
from include.sample_logs.identify import identify
from include.sample_logs.wording import Voice

DAY = 86_400
_HOURS = [2, 6, 9, 9, 7, 6, 8, 8, 7, 5, 3, 1]
"""How busy the desk is from 08:00 to 19:59, hour by hour."""


@dataclass(frozen=True)
class Topic:
    """What a caller may want: its opening wish and subject, the policy for it, and its share in each phase."""

    wish: str
    subject: str
    settle: Callable[[Dialogue], None]
    share: tuple[int, int, int]


TOPICS = (
    Topic(billing.COPY, "your invoice", billing.bill_copy, (15, 11, 5)),
    Topic(billing.DISPUTE, "your bill", billing.dispute, (16, 12, 6)),
    Topic(billing.LATER, "the due date of your bill", billing.pay_later, (15, 10, 6)),
    Topic(billing.COMPLAIN, "your complaint", billing.complaint, (7, 7, 9)),
    Topic(lines.SLOW, "your internet line", lines.slow_line, (14, 22, 30)),
    Topic(mobile.LOST, "your SIM", mobile.lost_sim, (9, 12, 16)),
    Topic(mobile.NEW_PHONE, "your SIM", mobile.new_phone, (6, 7, 12)),
    Topic(contracts.PLAN, "your plan", contracts.change_plan, (10, 11, 8)),
    Topic(contracts.CANCEL, "your contract", contracts.cancel, (8, 8, 8)),
)
_SYSTEM = (
    "You answer for the support desk of Acme Telecom (internet and mobile). Today is {today}.\n"
    "1. Look the caller up with find_customer before anything else; ask for e-mail, phone or customer number "
    "if none was given. If nobody is found, ask for another.\n"
    "2. Invoices: list_invoices with status open for payment dates, all for everything else. Read an invoice "
    "before you discuss its items.\n"
    "3. Lines, SIM cards, plans and contracts: read the account once per conversation.\n"
    "4. {network}\n"
    "5. Credits, plan changes, payment dates and cancellations need the caller's yes to the exact values.\n"
    "6. Block a SIM before you order a new one. Complaints go to the back office in the caller's own words.\n"
    "7. Be brief. Call a tool or write to the caller, not both. Dates are YYYY-MM-DD in tools."
)
_NETWORK = (
    "No internet or slow: test_line; result fault: technician; otherwise restart_router, then technician.",
    "No internet or slow: check_outage first; no outage: test_line; result fault: technician; otherwise "
    "restart_router, then technician.",
    "No internet or slow: check_outage first; no outage: test_line; result fault: technician; otherwise "
    "offer "
    "reboot_device, then technician.",
)


def drift_days(days: int) -> tuple[int, int]:
    """Return on which days of a log of `days` days phases 1 and 2 begin (of 30: 12 and 20)."""
    return round(days * 0.4), round(days * 2 / 3)


def hold(seed: int, number: int, first_day: int, days: int) -> Dialogue:
    """Hold conversation `number` of a log that begins at `first_day` (epoch seconds, midnight UTC).

    Each conversation has its own random numbers: a log with more conversations holds those of one with fewer.
    """
    rng = random.Random(f"desk/{seed}/{number}")
    day = _draw_day(rng, first_day, days)
    hour = rng.choices(range(8, 20), weights=_HOURS)[0]
    start = first_day + day * DAY + hour * 3600 + rng.randrange(3600)
    phase = sum(day >= begin for begin in drift_days(days))
    today = datetime.datetime.fromtimestamp(start, datetime.UTC).date()
    dialogue = Dialogue(rng, draw_customer(rng, number, today), Voice.draw(rng), phase, start)
    dialogue.messages.append(
        {"role": "system", "content": _SYSTEM.format(today=today, network=_NETWORK[phase])}
    )
    wanted = _draw_topics(rng, phase)
    identify(dialogue, wanted[0].wish, wanted[0].subject)
    wanted[0].settle(dialogue)
    for topic in wanted[1:]:
        if dialogue.messages[-1]["role"] == "user":
            dialogue.agent(
                "[Glad to hear that.|Good.|Great.] [Anything else?|Can I do something else for you?|]"
            )
        dialogue.user(f"[Thanks|Thank you|Alright|ok]. [One more thing|Another thing|Also|And]: {topic.wish}")
        topic.settle(dialogue)
    return dialogue


def _draw_topics(rng: random.Random, phase: int) -> list[Topic]:
    remaining, wanted = list(TOPICS), []
    for _ in range(rng.choice([1, 1, 1, 1, 2, 2, 2, 2, 2, 3])):
        topic = rng.choices(remaining, weights=[one.share[phase] for one in remaining])[0]
        remaining.remove(topic)
        wanted.append(topic)
    return wanted


def _draw_day(rng: random.Random, first_day: int, days: int) -> int:
    # Epoch day 0 was a Thursday; Saturday and Sunday have a quarter of the calls.
    weights = [1 if (first_day // DAY + day + 3) % 7 >= 5 else 4 for day in range(days)]
    return rng.choices(range(days), weights=weights)[0]
