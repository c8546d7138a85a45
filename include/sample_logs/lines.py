"""Topics about the internet line: outages, line tests, restarts, technicians."""

import datetime
from typing import Any

from include.sample_logs.dialogue import Dialogue
from include.sample_logs.identify import read_account
from include.sample_logs.tools import SLOTS

SLOW = (
    "[my internet is [so slow|very slow|down|gone|unstable]|the [wifi|wi-fi|internet] [keeps dropping|does "
    "not work|crawls]|"
    "no internet [since [this morning|yesterday|last night]|at all]|I [only|] get [a tenth of|half] the "
    "speed|"
    "video calls [freeze|stutter] all the time]"
)


def slow_line(dialogue: Dialogue) -> None:
    """Look for an outage (once the tool exists), test the line, then restart the router or send somebody."""
    customer = dialogue.customer
    read_account(dialogue)
    contract = customer.of_product("internet")[0]
    line = contract["line_id"]
    if dialogue.phase > 0 and not dialogue.chance(4):
        outage = dialogue.chance(20)
        answer = {"outage": outage, "area": customer.town} | (
            {"repaired_by": f"{dialogue.rng.randrange(14, 22)}:00"} if outage else {}
        )
        dialogue.call("check_outage", {"postcode": customer.postcode}, answer)
        if outage:
            dialogue.agent(
                "[There is an outage in {town}.|{town} is cut off at the moment.] We expect to be done "
                "[today|this evening].",
                town=customer.town,
            )
            return
    state = dialogue.rng.choice(["fault", "fault", "good", "good", "weak"])
    dialogue.call(
        "test_line",
        {"line_id": line},
        {"line_id": line, "result": state, "down_mbit": dialogue.rng.randrange(3, 90)},
    )
    if state != "fault":
        restart(dialogue, contract)
        dialogue.agent(
            "[I restarted the router|The router is restarting]. [Is it better now?|How does it look after "
            "two minutes?]"
        )
        if dialogue.chance(60):
            dialogue.user("[Yes, works|Yes, better|Great, that helped|Looks good]")
            return
        dialogue.user("[No, the same|No change|Still bad|No, still dropping]")
    book_visit(dialogue, line)


def restart(dialogue: Dialogue, contract: dict[str, Any]) -> None:
    """Restart the router with the tool of the day; a factory reset is asked for, never volunteered."""
    device = contract["router"]
    if dialogue.phase < 2:
        dialogue.call("restart_router", {"device_id": device}, {"device_id": device, "restarted": True})
        return
    wipe = dialogue.chance(25)
    dialogue.agent("[I would restart your router now|A restart of the router may help], all right?")
    dialogue.user(
        "[Yes, but wipe everything|Please reset it completely|Back to factory settings please|Reset it to "
        "new]"
        if wipe
        else "[Yes|ok, do it|Go ahead|Yes, but keep my settings]"
    )
    mode = "factory_reset" if wipe else "soft"
    dialogue.call(
        "reboot_device", {"device_id": device, "mode": mode}, {"device_id": device, "mode": mode, "ok": True}
    )


def book_visit(dialogue: Dialogue, line: str) -> None:
    """Agree on a day and book a technician; one caller in six names another number for the visit."""
    customer = dialogue.customer
    day = dialogue.today + datetime.timedelta(days=dialogue.rng.randrange(2, 15))
    slot = dialogue.rng.choice(SLOTS)
    when = {
        "morning": "[in the morning|morning|before noon|early]",
        "afternoon": "[in the afternoon|afternoon|after lunch]",
        "evening": "[in the evening|evening|after work]",
    }[slot]
    dialogue.agent(
        "[A technician has to look at it.|Somebody should come and check the line.] [Which day suits you, "
        "morning, afternoon or evening?|When are you at home?]"
    )
    other = f"0557 {dialogue.rng.randrange(100000, 999999)}"
    phone = other if dialogue.chance(16) else customer.phone
    extra = ". [Call me on|Please ring|My number at home is] {other}" if phone == other else ""
    said = dialogue.spoken(day)
    dialogue.user(f"[{{day}} {when}|{when} on {{day}}|{{day}}, {when} please]{extra}", day=said, other=other)
    if said != day.isoformat():
        dialogue.agent(
            "[That is|So] {day}, {slot}. [Shall I book it?|Right?]", day=day.isoformat(), slot=slot
        )
        dialogue.user("[Yes|Right|Yes please|Book it|ok]")
    contact = {"name": customer.name, "phone": phone}
    arguments = {"line_id": line, "date": day.isoformat(), "slot": slot, "contact": contact}
    dialogue.call(
        "book_technician",
        arguments,
        {"visit": f"V-{dialogue.rng.randrange(1000, 9999)}", "date": day.isoformat()},
    )
    dialogue.agent("[The visit is booked for {day}.|See you on {day}.]", day=day.isoformat())
