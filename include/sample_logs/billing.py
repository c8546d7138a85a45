"""Topics about money: copies of bills, disputed items, more time to pay, complaints."""

import datetime

from include.sample_logs.dialogue import Dialogue
from include.sample_logs.identify import read_account, read_invoices
from include.sample_logs.tools import PLANS, TICKET_TOPICS

COPY = (
    "[I need|can you send me|please send|could I get|I am missing] [a copy of my [bill|invoice]|my [bill|"
    "invoice] again|"
    "the [bill|invoice]][ for my tax return| for my employer| because I lost it|]"
)
DISPUTE = (
    "[my [last |latest |]bill is [too high|way too high|wrong|higher than [usual|before]]|"
    "why is my [bill|invoice] so [high|much]|"
    "there is [something|a charge] on my [bill|invoice] I [do not|don't] [understand|recognise]|"
    "you charged me [too much|more than last month|for something I never ordered]]"
)
LATER = (
    "[I can't pay my [bill|invoice] on time|can I pay [later|a bit later]|I need [more time|a few more "
    "days] to pay|"
    "is it possible to [postpone|delay] the payment|my salary comes late, can the due date [wait|be moved]]"
)
COMPLAIN = (
    "[I want to [complain|make a complaint]|I have a complaint|I am [really |]unhappy and want this on "
    "record|"
    "who do I complain to|this is a complaint]"
)
_COMPLAINTS = {
    "billing": [
        "[You have|Your company has] [charged|billed] me twice for [March|May|June|July] and nobody "
        "[answers|reacts]",
        "[Every|Each] [bill|invoice] has a [different|new] mistake[ and I am tired of it|, this can't be "
        "normal|]",
        "The [refund|credit] [promised|agreed] [weeks ago|in summer] [never came|is not there]",
    ],
    "connection": [
        "[The internet|My line|The connection] [drops|is gone] [every evening|several times a day|each "
        "time it rains]",
        "[Half|Most] of the [speed|bandwidth] I pay for [never arrives|is missing][ since spring| for "
        "months|]",
        "[No signal|No reception] in the [whole village|entire street] [since|after] your [works|upgrade]",
    ],
    "staff": [
        "The [technician|engineer] [never came|did not show up] and I [waited|took a day off] for nothing",
        "[Your colleague|The man on the phone|The woman in the shop] was [rude|very unfriendly] and hung up",
        "[Someone|An agent] in your [shop|branch] [sold|gave] my mother a contract she [did not want|never "
        "understood]",
    ],
}
_AGAIN = (
    "[This is the third time I write.|My business stands still.|I reported this before.|I run a surgery "
    "and this is urgent.]"
)


def bill_copy(dialogue: Dialogue) -> None:
    """Send a copy of the latest or a named month's invoice."""
    age = dialogue.rng.choice([0, 0, 0, 1, 2])
    invoice = dialogue.customer.invoices[age]
    month = invoice["period"].split()[0]
    channel = dialogue.rng.choice(["email", "email", "post"])
    read_invoices(dialogue, "all")
    dialogue.agent(
        "[Which month do you need, and|Which one, and] [by e-mail or by post|shall I mail it or send it by "
        "post]?"
    )
    which = (
        "[the latest one|the most recent|the newest|the last one]"
        if age == 0 and dialogue.chance(60)
        else "[the one for|the bill for|] {month}"
    )
    how = {
        "email": "[by e-mail|as a PDF|to my inbox|e-mail is fine|mail it]",
        "post": "[by post|on paper|in a letter|in an envelope please|printed]",
    }[channel]
    dialogue.user(f"[{which}, {how}|{which}. {how}|{how}, {which}]", month=month)
    arguments = {"invoice_id": invoice["invoice_id"], "channel": channel}
    dialogue.call("send_invoice", arguments, {"sent": True, "channel": channel})
    dialogue.agent(
        "[Done: the invoice for {period} is on its way.|Invoice {number} has been sent.]",
        period=invoice["period"],
        number=invoice["invoice_id"],
    )


def dispute(dialogue: Dialogue) -> None:
    """Explain the latest invoice and credit one item of it."""
    customer = dialogue.customer
    read_invoices(dialogue, "all")
    latest, before = customer.invoices[:2]
    number = latest["invoice_id"]
    if _compares(dialogue):
        pair = [
            (one["invoice_id"], {"invoice_id": one["invoice_id"], "items": customer.items[one["invoice_id"]]})
            for one in (latest, before)
        ]
        dialogue.calls([("get_invoice", {"invoice_id": key}, answer) for key, answer in pair])
    else:
        dialogue.call(
            "get_invoice", {"invoice_id": number}, {"invoice_id": number, "items": customer.items[number]}
        )
    item = dialogue.rng.choice([one for one in customer.items[number] if one["text"] not in PLANS])
    dialogue.agent(
        "[The {period} bill has|On the {period} bill I see] [these extras: {extras}|besides your plans: "
        "{extras}]. [Which one is it about?|Is one of them wrong?]",
        period=latest["period"],
        extras=_list_extras(customer.items[number]),
    )
    reason = dialogue.rng.choice(["billing_error", "billing_error", "goodwill", "outage"])
    why = {
        "billing_error": (
            "[I never [ordered|used|booked] that|that's not mine|this is a mistake|nobody here used it]"
        ),
        "goodwill": (
            "[I know I used it, but can you be kind|it's a lot of money for me, can you do something|as a "
            "loyal customer I had hoped you would waive it]"
        ),
        "outage": (
            "[your network was down that week|there was an outage then|I had no service during those days]"
        ),
    }[reason]
    dialogue.user(f"[The|It's the] {{text}}[,|.|:] {why}", text=item["text"].lower())
    dialogue.agent(
        "[I can credit|I would take off] {amount:.2f} euros for {text} on invoice {number}, {why}. "
        "[Agreed?|Is that all right?|Shall I?]",
        amount=item["amount"],
        text=item["text"],
        number=number,
        why={"billing_error": "as a billing error", "goodwill": "as goodwill", "outage": "for the outage"}[
            reason
        ],
    )
    dialogue.user("[Yes|Yes please|That would be great|Agreed|ok, thanks|Perfect]")
    arguments = {"invoice_id": number, "amount": item["amount"], "reason": reason}
    dialogue.call("grant_credit", arguments, {"credited": item["amount"], "invoice_id": number})
    dialogue.agent("[The credit is booked.|Done, the amount comes off your next bill.]")


def _compares(dialogue: Dialogue) -> bool:
    """Tell whether the caller measures the bill against an earlier one: then both are read."""
    return any(" than " in message["content"] for message in dialogue.messages if message["role"] == "user")


def _list_extras(items: list[dict[str, object]]) -> str:
    return ", ".join(f"{item['text']} {item['amount']:.2f}" for item in items if item["text"] not in PLANS)


def pay_later(dialogue: Dialogue) -> None:
    """Move the due date of an open invoice."""
    read_invoices(dialogue, "open")
    still_open = dialogue.customer.open_invoices()
    invoice = dialogue.rng.choice(still_open)
    day = dialogue.today + datetime.timedelta(days=dialogue.rng.randrange(12, 45))
    if len(still_open) > 1:
        dialogue.agent(
            "[Two|Two of your] invoices are open, {first} and {second}. Which one, and until when?",
            first=still_open[0]["period"],
            second=still_open[1]["period"],
        )
        dialogue.user(
            "[The one for|The] {month}[ one|], [until|by|I can pay on] {day}",
            month=invoice["period"].split()[0],
            day=dialogue.spoken(day),
        )
    else:
        dialogue.agent(
            "[Your {period} invoice of {total:.2f} euros is open.|I see {total:.2f} euros open for "
            "{period}.] Until when do you need?",
            period=invoice["period"],
            total=invoice["total"],
        )
        dialogue.user(
            "[Until|By|I can pay on|Would be great if it could wait until] {day}",
            day=dialogue.spoken(day),
        )
    dialogue.agent(
        "I would move invoice {number} to {day}. [All right?|Is that correct?|Shall I do that?]",
        number=invoice["invoice_id"],
        day=day.isoformat(),
    )
    dialogue.user("[Yes|Yes please|Correct|Yes, that helps|That works|ok]")
    arguments = {"invoice_id": invoice["invoice_id"], "due_date": day.isoformat()}
    dialogue.call(
        "extend_payment", arguments, {"invoice_id": invoice["invoice_id"], "due_date": day.isoformat()}
    )
    dialogue.agent("[Done, it is now due on {day}.|The new due date is {day}.]", day=day.isoformat())


def complaint(dialogue: Dialogue) -> None:
    """Record a complaint in the caller's own words; what counts as urgent is not always clear."""
    if dialogue.chance(15):
        read_account(dialogue)
    dialogue.agent(
        "[I am sorry to hear that.|That should not happen.] [Please describe it in one message, I pass it "
        "on word for word.|What happened? I forward your words unchanged.]"
    )
    topic = dialogue.rng.choice(TICKET_TOPICS)
    urgent = dialogue.chance(30)
    words = dialogue.user(dialogue.rng.choice(_COMPLAINTS[topic]) + (f". {_AGAIN}" if urgent else ""))
    arguments = {"customer_id": dialogue.customer.customer_id, "topic": topic, "message": words}
    if urgent != dialogue.chance(8):
        arguments["priority"] = "high"
    dialogue.call("open_ticket", arguments, {"ticket": f"T-{dialogue.rng.randrange(1000, 9999)}"})
    dialogue.agent("[Your complaint is recorded.|The back office has it now and answers within five days.]")
