"""The support desk's tools, as OpenAI schemas, and how the list changes while the month goes by.

Phase 0 is the first list. Phase 1 adds `check_outage`. Phase 2 retires `restart_router` for `reboot_device`.
"""

from typing import Any

Schema = dict[str, Any]

PLANS = ["Fibre 100", "Fibre 250", "Fibre 500", "Fibre 1000", "Mobile S", "Mobile M", "Mobile L"]
SLOTS = ["morning", "afternoon", "evening"]
CANCEL_REASONS = ["moving", "price", "service_quality", "no_longer_needed"]
BLOCK_REASONS = ["lost", "stolen", "damaged"]
CREDIT_REASONS = ["billing_error", "outage", "goodwill"]
TICKET_TOPICS = ["billing", "connection", "staff"]
PRIORITIES = ["normal", "high"]


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _one_of(values: list[str], description: str) -> Schema:
    return {"type": "string", "enum": values, "description": description}


def _date(description: str) -> Schema:
    return {"type": "string", "format": "date", "description": description + ", YYYY-MM-DD."}


def _tool(name: str, description: str, optional: tuple[str, ...] = (), **properties: Schema) -> Schema:
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": properties,
                "required": [key for key in properties if key not in optional],
            },
        },
    }


_CUSTOMER = _text("Customer number, such as C-104233.")
_INVOICE = _text("Invoice number, such as INV-88213.")
_LINE = _text("Line id, such as LN-55012.")
_CONTRACT = _text("Contract number, such as NET-30112 or MOB-41177.")
_DEVICE = _text("Serial number of the device, such as RT-66120.")

_COMMON = [
    _tool(
        "find_customer",
        "Look a caller up. Has to come before everything else; returns the customer number.",
        by=_one_of(["email", "phone", "customer_id"], "What the caller gave."),
        value=_text("The e-mail address, phone number or customer number, exactly as given."),
    ),
    _tool("get_account", "Read address, contracts, lines, devices and SIM cards.", customer_id=_CUSTOMER),
    _tool(
        "list_invoices",
        "List invoices, newest first.",
        customer_id=_CUSTOMER,
        status=_one_of(["open", "all"], "Only unpaid ones, or all of the last months."),
    ),
    _tool("get_invoice", "Read the items of one invoice.", invoice_id=_INVOICE),
    _tool(
        "send_invoice",
        "Send a copy of an invoice.",
        invoice_id=_INVOICE,
        channel=_one_of(["email", "post"], "How it is sent."),
    ),
    _tool(
        "extend_payment", "Move an open invoice's due date.", invoice_id=_INVOICE, due_date=_date("New date")
    ),
    _tool(
        "grant_credit",
        "Credit an amount on an invoice. Only after the caller agreed to the amount.",
        invoice_id=_INVOICE,
        amount={"type": "number", "minimum": 0, "description": "Amount in euros."},
        reason=_one_of(CREDIT_REASONS, "Why it is credited."),
    ),
    _tool("test_line", "Measure a line from the exchange; takes a minute.", line_id=_LINE),
    _tool(
        "book_technician",
        "Book a visit at the caller's address for a line with a fault.",
        line_id=_LINE,
        date=_date("Day of the visit"),
        slot=_one_of(SLOTS, "Part of the day."),
        contact={
            "type": "object",
            "description": "Who is at home.",
            "properties": {"name": _text("Full name."), "phone": _text("Number the technician can call.")},
            "required": ["name", "phone"],
        },
    ),
    _tool(
        "change_plan",
        "Move a contract to another plan. Only after the caller confirmed plan and date.",
        contract_id=_CONTRACT,
        plan=_one_of(PLANS, "The new plan."),
        start_date=_date("First day of the new plan"),
    ),
    _tool(
        "block_sim",
        "Block a SIM card at once.",
        sim_id=_text("SIM card id, such as SIM-70021."),
        reason=_one_of(BLOCK_REASONS, "What happened to it."),
    ),
    _tool(
        "order_sim",
        "Order a new SIM for a mobile line.",
        line_id=_LINE,
        sim_type=_one_of(["esim", "card"], "eSIM by e-mail, or a plastic card by post."),
    ),
    _tool(
        "cancel_contract",
        "End a contract. Only after the caller confirmed the end date.",
        contract_id=_CONTRACT,
        end_date=_date("Last day of the contract"),
        reason=_one_of(CANCEL_REASONS, "The caller's reason."),
    ),
    _tool(
        "open_ticket",
        "Record a complaint for the back office.",
        optional=("priority",),
        customer_id=_CUSTOMER,
        topic=_one_of(TICKET_TOPICS, "What it is about."),
        priority=_one_of(PRIORITIES, "High if the caller reports it again or a business stands still."),
        message=_text("The caller's own words, unchanged."),
    ),
]
_RESTART = _tool("restart_router", "Restart a router from afar.", device_id=_DEVICE)
_REBOOT = _tool(
    "reboot_device",
    "Restart a router or repeater from afar. Replaces restart_router.",
    device_id=_DEVICE,
    mode=_one_of(["soft", "factory_reset"], "Keep the settings, or wipe them if the caller asks for it."),
)
_OUTAGE = _tool(
    "check_outage",
    "Ask whether an outage is known in an area. Comes before any line test.",
    postcode=_text("Postcode of the line's address."),
)


def toolset(phase: int) -> list[Schema]:
    """Return the tools that the desk offers its model in `phase` (0, 1 or 2), in the order they are sent."""
    tools = [*_COMMON, _RESTART if phase < 2 else _REBOOT]
    return tools if phase == 0 else [*tools, _OUTAGE]
