"""The second workload: questions from the help page, answered in a sentence or two without tools."""

import random

from include.sample_logs.conversations import DAY
from include.sample_logs.records import FAQ, INCUMBENT, Record, make_record
from include.sample_logs.wording import Voice, expand

_SYSTEM = (
    "You answer questions on the help page of Acme Telecom in at most two sentences. Be friendly and exact."
)
_ENTRIES = (
    (
        "[when|what time|until when] [are you open|is the hotline open|can I call you]",
        "Our hotline is open [Monday to Saturday from 8 to 20|from 8 to 20 except on Sundays]. The chat "
        "answers around the clock.",
    ),
    (
        "[how|where] [do|can] I [find|see] my customer number",
        "Your customer number begins with C and is printed at the top right of every invoice. You also "
        "find it in the app under Profile.",
    ),
    (
        "how [long|many days] does it take to [port|move|bring] my [number|phone number]",
        "Porting a number takes [two|2] working days after your old provider released it. You keep your "
        "service until then.",
    ),
    (
        "[what does|how much is] [an eSIM|a new eSIM|the eSIM] [cost|]",
        "An eSIM is free. A plastic replacement card costs 4.90 euros.",
    ),
    (
        "[can|may] I use my plan [abroad|in other countries|on holiday]",
        "Within Europe your plan works as at home. Elsewhere a day pass costs 5.90 euros.",
    ),
    (
        "[what is|what about] the notice period",
        "The notice period is one month after the minimum term of [12|twelve] months.",
    ),
    (
        "how do I [set up|connect|install] my [router|new router|modem]",
        "Connect the grey cable to the wall socket, switch the router on and wait until the light stays "
        "green. This takes about ten minutes.",
    ),
    (
        "[what does|why is] the [red|blinking red] light[ on my router| mean|]",
        "A red light means that the line has no signal. Check the grey cable first, then restart the router.",
    ),
    (
        "where [do I find|is] my [wifi|wi-fi|WLAN] password",
        "Your Wi-Fi password is on the sticker under the router. You can change it in the app.",
    ),
    (
        "[can|how do] I pay by [credit card|card|bank transfer]",
        "You can pay by direct debit, card or transfer. Choose the way in the app under Payments.",
    ),
    (
        "when [is|do I get] my [bill|invoice]",
        "Invoices are issued on the third working day of each month. They are due 21 days later.",
    ),
    (
        "what happens if I pay [late|too late|my bill late]",
        "We remind you once for free. The second reminder costs 3.50 euros.",
    ),
    (
        "[do you have|is there] a [student|youth] [discount|plan|price]",
        "Yes, under 27 you pay 5 euros less per month on every mobile plan. Upload a photo of your student "
        "card in the app.",
    ),
    (
        "[can I|how do I] take my [internet|contract|line] [with me|along] when I move",
        "Tell us the new address four weeks ahead and your line moves with you. The move costs 29 euros "
        "once.",
    ),
    (
        "how fast is [fibre {size}|the fibre {size} plan|your {size} plan]",
        "Fibre {size} reaches up to {size} Mbit per second down and half of that up.",
    ),
    (
        "[what is|how high is] the set-up fee for [fibre {size}|the {size} plan]",
        "The set-up fee for Fibre {size} is 39 euros. It is waived if you order online.",
    ),
    (
        "[do you offer|can I get] [TV|television]",
        "We do not sell television ourselves. Any streaming service works with our lines.",
    ),
    (
        "how do I [send back|return] my [router|old router]",
        "Print the return label in the app and hand the parcel in within 14 days. Otherwise we charge 49 "
        "euros.",
    ),
    (
        "[can I|is it possible to] [pause|suspend] my [contract|plan]",
        "Mobile plans can be paused for up to three months a year. Internet lines cannot be paused.",
    ),
    (
        "how do I [block|stop] [premium numbers|expensive numbers|third-party services]",
        "Switch on the third-party block in the app under Safety. It works within minutes and is free.",
    ),
)


def faq_record(seed: int, number: int, first_day: int, days: int) -> Record:
    """Make question `number` and its answer, at any hour of one of the days."""
    rng = random.Random(f"faq/{seed}/{number}")
    question, answer = rng.choice(_ENTRIES)
    size = rng.choice([100, 250, 500, 1000])
    asked = Voice.draw(rng).say(
        f"[Hi, |Hello, |Hello! |Quick question: |||]{question}[?| please?|, thanks|]", size=size
    )
    timestamp = first_day + rng.randrange(days * DAY)
    name = f"{rng.getrandbits(48):012x}"
    request: Record = {
        "model": INCUMBENT,
        "messages": [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": asked}],
        "temperature": 0.3,
        "metadata": {"conversation_id": name},
    }
    opening = "[Thanks for asking. |Good question. |||]"
    message = {"role": "assistant", "content": expand(rng, opening + answer, size=size)}
    return make_record(FAQ, timestamp, name, request, message)
