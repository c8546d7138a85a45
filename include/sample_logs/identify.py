"""How a call opens: who is calling, and the account behind the voice."""

from include.sample_logs.dialogue import Dialogue

GIVE = {
    "email": (
        "[my e-mail is|account e-mail|you have me under|registered with|it should be under|mail:] {value}"
    ),
    "phone": (
        "[my number is|phone|you can find me by my phone number|I am calling about the account with|tel.] "
        "{value}"
    ),
    "customer_id": "[customer number|my customer number is|I am customer|account|customer no.] {value}",
}
_GREETING = "[Hi|Hello|Good morning|Hey|Hi there|Good day|Hello there|]"
_ASK = (
    "[I'm happy to help with {subject}|I'll look into {subject}|Let's sort out {subject}]. "
    "[Could you give me|May I have|Please tell me] "
    "[your e-mail address, phone number or customer number|the e-mail, phone or customer number of the account]"
    "[?| first, please.]"
)


def identify(dialogue: Dialogue, wish: str, subject: str) -> None:
    """Open the call with `wish` (a pattern), which is about `subject`, and look the caller up.

    Half of the callers say who they are at once. One in sixteen gives something the desk has not on file.
    """
    by = dialogue.rng.choice(["email", "email", "phone", "customer_id"])
    value = {
        "email": dialogue.customer.email,
        "phone": dialogue.customer.phone,
        "customer_id": dialogue.customer.customer_id,
    }[by]
    if dialogue.chance(55):
        dialogue.user(f"{_GREETING} {wish}. {GIVE[by]}", value=value)
    else:
        dialogue.user(f"{_GREETING} {wish}")
        dialogue.agent(_ASK, subject=subject)
        dialogue.user(f"[Sure,|Of course,|ok|Yes,||] {GIVE[by]}", value=value)
    if by == "email" and dialogue.chance(12):
        dialogue.call("find_customer", {"by": by, "value": value}, {"found": False})
        dialogue.agent(
            "[I find nobody|There is no account] [with|under] {value}. [Another e-mail or a phone number?|"
            "Is there a phone number on file?]",
            value=value,
        )
        by, value = "phone", dialogue.customer.phone
        dialogue.user(f"[Oh,|Strange,|Hm, then try this:|] {GIVE[by]}", value=value)
    found = {"found": True, "customer_id": dialogue.customer.customer_id, "name": dialogue.customer.name}
    dialogue.call("find_customer", {"by": by, "value": value}, found)


def read_account(dialogue: Dialogue) -> None:
    """Have the account read, unless this conversation has it already."""
    if "account" not in dialogue.known:
        dialogue.known.add("account")
        customer = dialogue.customer
        dialogue.call("get_account", {"customer_id": customer.customer_id}, customer.account())


def read_invoices(dialogue: Dialogue, status: str) -> None:
    """Have the invoices listed; `status` is "open" or "all"."""
    customer = dialogue.customer
    invoices = customer.open_invoices() if status == "open" else list(customer.invoices)
    dialogue.call(
        "list_invoices", {"customer_id": customer.customer_id, "status": status}, {"invoices": invoices}
    )
