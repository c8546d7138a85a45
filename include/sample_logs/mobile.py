"""Topics about SIM cards: lost, stolen or broken ones, and new phones that want another kind."""

from typing import Any

from include.sample_logs.dialogue import Dialogue
from include.sample_logs.identify import read_account
from include.sample_logs.tools import BLOCK_REASONS

LOST = (
    "[I need [my SIM|my card] blocked|please [block|lock] my [SIM|SIM card]|something happened to my "
    "[phone|mobile]|"
    "I need a new SIM|[my phone is gone|my SIM is dead]]"
)
NEW_PHONE = (
    "[I [bought|got] a new phone and [need|want] [another|a different] SIM|can I [switch|change] my SIM type|"
    "my new [phone|handset] does not take my old SIM|I need a [replacement|new] SIM for my new phone]"
)
_BLOCKED = {
    "lost": (
        "[I lost it|I left it [on the train|in a taxi|at the beach]|I can't find it any more|it is "
        "[missing|gone], no idea where]"
    ),
    "stolen": "[it was stolen|somebody [took|nicked] it|a pickpocket got it|my bag was robbed]",
    "damaged": (
        "[it [broke|snapped]|the dog [chewed|bit] it|it went through the washing machine|it has a crack]"
    ),
}


def lost_sim(dialogue: Dialogue) -> None:
    """Block a SIM (sometimes both) and order a new one."""
    read_account(dialogue)
    reason = dialogue.rng.choice(BLOCK_REASONS)
    lines = dialogue.customer.of_product("mobile")
    if len(lines) > 1 and dialogue.chance(25):
        dialogue.agent("What happened, and to which of your two cards?")
        dialogue.user(f"[Both|Both of them|The two of them]: {_BLOCKED[reason]}")
        dialogue.calls(
            [
                (
                    "block_sim",
                    {"sim_id": one["sim_id"], "reason": reason},
                    {"sim_id": one["sim_id"], "blocked": True},
                )
                for one in lines
            ]
        )
        dialogue.agent(
            "Both cards are blocked. [You can order new ones in any shop.|Tell us when you need new ones.]"
        )
        return
    chosen = choose_mobile(dialogue)
    dialogue.agent("[What happened to it?|May I ask what happened?]")
    dialogue.user(_BLOCKED[reason])
    sim = chosen["sim_id"]
    dialogue.call("block_sim", {"sim_id": sim, "reason": reason}, {"sim_id": sim, "blocked": True})
    order(dialogue, chosen)


def new_phone(dialogue: Dialogue) -> None:
    """Order another kind of SIM for a new phone."""
    read_account(dialogue)
    order(dialogue, choose_mobile(dialogue))


def order(dialogue: Dialogue, contract: dict[str, Any]) -> None:
    """Ask for the kind of SIM and order it."""
    sim_type = dialogue.rng.choice(["esim", "card"])
    dialogue.agent("[Would you like|Shall I order] an eSIM or a plastic card[ for the line|]?")
    dialogue.user(
        "[eSIM|an esim please|the electronic one|as an eSIM]"
        if sim_type == "esim"
        else "[a real card|plastic please|a card by post|the card]"
    )
    arguments = {"line_id": contract["line_id"], "sim_type": sim_type}
    dialogue.call("order_sim", arguments, {"line_id": contract["line_id"], "sim_type": sim_type, "days": 3})
    dialogue.agent("[It is ordered.|The new SIM is on its way.]")


def choose_mobile(dialogue: Dialogue) -> dict[str, Any]:
    """Settle which mobile line is meant, asking where there are two."""
    lines = dialogue.customer.of_product("mobile")
    chosen = dialogue.rng.choice(lines)
    if len(lines) > 1:
        dialogue.agent(
            "[Which number is it about|For which number], {first} or {second}?",
            first=lines[0]["number"],
            second=lines[1]["number"],
        )
        dialogue.user("[The|It's|For|] {number}", number=chosen["number"])
    return chosen
