"""Topics about contracts: another plan, or an end."""

import datetime

from include.sample_logs.dialogue import Dialogue
from include.sample_logs.identify import read_account
from include.sample_logs.tools import CANCEL_REASONS, PLANS

PLAN = (
    "[I want [a different|another] plan|can I [change|switch] my [plan|tariff]|I would like to [upgrade|"
    "downgrade|change] my contract|"
    "which plans do you have, I want to [change|move]]"
)
CANCEL = (
    "[I want to [cancel|end|terminate] my contract|please cancel [my contract|everything]|how do I [quit|"
    "leave]|"
    "I would like to give notice]"
)
_LEAVING = {
    "moving": "[I am moving [abroad|away|in with my partner]|we move house|I got a job in another country]",
    "price": "[it is too expensive|others are cheaper|I can't afford it any more|the price went up too much]",
    "service_quality": (
        "[it never worked properly|I am fed up with the outages|the support was bad|too many faults]"
    ),
    "no_longer_needed": (
        "[I don't use it|I have one from work now|my flat has it included|nobody uses it any more]"
    ),
}


def change_plan(dialogue: Dialogue) -> None:
    """Move a contract to another plan; some callers correct the date when asked to confirm."""
    read_account(dialogue)
    product = dialogue.rng.choice(["internet", "internet", "mobile"])
    contract = dialogue.customer.of_product(product)[0]
    plan = dialogue.rng.choice(
        [
            one
            for one in PLANS
            if one != contract["plan"] and one.startswith("Fibre") == (product == "internet")
        ]
    )
    size = plan.split()[1]
    dialogue.agent(
        "[You can have|We offer] Fibre 100, 250, 500 or 1000 and Mobile S, M or L. [Which one?|Which "
        "contract goes where?]"
    )
    words = (
        "[[the|my] internet to|Fibre|for the internet the] {size}"
        if product == "internet"
        else "[my mobile to|Mobile|for the phone the] {size}"
    )
    dialogue.user(f"{words}[ please|]", size=size)
    day = (dialogue.today.replace(day=1) + datetime.timedelta(days=dialogue.rng.choice([32, 63]))).replace(
        day=1
    )
    dialogue.agent(
        "So [contract|] {number} moves to {plan} from {day}. [Correct?|Do you confirm?]",
        number=contract["contract_id"],
        plan=plan,
        day=day.isoformat(),
    )
    if dialogue.chance(15):
        day += datetime.timedelta(days=14)
        dialogue.user("[Yes, but|Right, only] [start on|from] {day}", day=day.isoformat())
    else:
        dialogue.user("[Yes|Correct|I confirm|Yes, go ahead|Exactly]")
    arguments = {"contract_id": contract["contract_id"], "plan": plan, "start_date": day.isoformat()}
    dialogue.call(
        "change_plan", arguments, {"contract_id": contract["contract_id"], "plan": plan, "changed": True}
    )
    dialogue.agent("[All set.|Done, you get a confirmation by e-mail.]")


def cancel(dialogue: Dialogue) -> None:
    """End a contract at the earliest date in the account."""
    read_account(dialogue)
    product = dialogue.rng.choice(["internet", "mobile"])
    contract = dialogue.customer.of_product(product)[0]
    reason = dialogue.rng.choice(CANCEL_REASONS)
    dialogue.agent(
        "[I am sorry to hear that.|What a pity.] [Which contract is it, and may I ask why?|Internet or "
        "mobile, and why?]"
    )
    dialogue.user(f"[The|My] {{product}}[ contract|], {_LEAVING[reason]}", product=product)
    dialogue.agent(
        "[Contract|] {number} can end on {day}, reason: {reason}. [Shall I enter that?|Do you confirm?]",
        number=contract["contract_id"],
        day=contract["earliest_end"],
        reason=reason.replace("_", " "),
    )
    dialogue.user("[Yes|Yes, please|I confirm|Do it]")
    arguments = {
        "contract_id": contract["contract_id"],
        "end_date": contract["earliest_end"],
        "reason": reason,
    }
    dialogue.call(
        "cancel_contract",
        arguments,
        {"contract_id": contract["contract_id"], "end_date": contract["earliest_end"]},
    )
    dialogue.agent("[It is entered.|Done, the confirmation follows by post.]")
