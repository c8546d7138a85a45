"""The invented people behind the calls: accounts, contracts and invoices, with ids of their own."""

import datetime
import random
from dataclasses import dataclass
from typing import Any

# fmt: off
_FIRST = [
    "Adela", "Bruno", "Carmen", "Dario", "Elin", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kaja", "Leon",
    "Mirela", "Nils", "Oda", "Petra", "Quirin", "Rosa", "Sven", "Tilda", "Umar", "Vera", "Wanda", "Xenia",
    "Yusuf", "Zora",
]
_LAST = [
    "Abendroth", "Birkeland", "Castellane", "Dovrefeld", "Eskildar", "Fontanesi", "Grauwald", "Hollerbeck",
    "Isenmoor", "Jagiellin", "Kestemont", "Lindqvarn", "Morvanne", "Nordhagel", "Ostrander", "Pellegrade",
    "Quistorf", "Rosenvang", "Silvermane", "Tarnowell", "Ulvsund", "Vantongre",
]
MONTHS = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
]
# fmt: on
_STREETS = (
    "Mill Lane",
    "Harbour Road",
    "Linden Street",
    "Station Way",
    "Orchard Close",
    "Canal Walk",
    "Hill View",
)
_TOWNS = ("Westerbrook", "Oakhaven", "Marlow Vale", "Port Ellis", "Greyfield")
_MAIL = ("example.com", "example.org", "example.net")
PRICES = {
    "Fibre 100": 29.9,
    "Fibre 250": 39.9,
    "Fibre 500": 49.9,
    "Fibre 1000": 69.9,
    "Mobile S": 9.9,
    "Mobile M": 19.9,
    "Mobile L": 34.9,
}
_EXTRAS = (
    "Roaming data",
    "Premium numbers",
    "Extra data pack",
    "Late payment fee",
    "Router rental",
    "Film rental",
)


@dataclass(frozen=True)
class Customer:
    """One caller; `contracts` and `invoices` (newest first) are the JSON objects that tools answer with."""

    customer_id: str
    name: str
    email: str
    phone: str
    street: str
    town: str
    postcode: str
    contracts: tuple[dict[str, Any], ...]
    invoices: tuple[dict[str, Any], ...]
    items: dict[str, list[dict[str, Any]]]

    def of_product(self, product: str) -> list[dict[str, Any]]:
        """Return the contracts of `product` ("internet" or "mobile"), in account order."""
        return [contract for contract in self.contracts if contract["product"] == product]

    def open_invoices(self) -> list[dict[str, Any]]:
        """Return the unpaid invoices, newest first."""
        return [invoice for invoice in self.invoices if invoice["status"] == "open"]

    def account(self) -> dict[str, Any]:
        """Return what `get_account` answers."""
        return {
            "customer_id": self.customer_id,
            "name": self.name,
            "email": self.email,
            "phone": self.phone,
            "address": {"street": self.street, "town": self.town, "postcode": self.postcode},
            "contracts": list(self.contracts),
        }


def draw_customer(rng: random.Random, number: int, today: datetime.date) -> Customer:
    """Invent customer `number`; e-mail, phone and customer number are unique for numbers below 9,973."""
    unique = (number * 3571 + 1234) % 9973
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    contracts = _draw_contracts(rng, unique, today)
    invoices, items = _draw_invoices(rng, contracts, today)
    return Customer(
        customer_id=f"C-1{unique:04d}{rng.randrange(10)}",
        name=f"{first} {last}",
        email=f"{first.lower()}.{last.lower()}{unique}@{rng.choice(_MAIL)}",
        phone=f"0555 {rng.randrange(10, 99)}{unique:04d}",
        street=f"{rng.randrange(1, 180)} {rng.choice(_STREETS)}",
        town=rng.choice(_TOWNS),
        postcode=f"{rng.randrange(10000, 99000)}",
        contracts=tuple(contracts),
        invoices=tuple(invoices),
        items=items,
    )


def _draw_contracts(rng: random.Random, unique: int, today: datetime.date) -> list[dict[str, Any]]:
    plans = [rng.choice(["Fibre 100", "Fibre 250", "Fibre 500"])]
    plans += [rng.choice(["Mobile S", "Mobile M", "Mobile L"]) for _ in range(rng.choice([1, 1, 1, 2]))]
    contracts = []
    for position, plan in enumerate(plans):
        internet = plan.startswith("Fibre")
        end = today + datetime.timedelta(days=rng.randrange(40, 400))
        contract: dict[str, Any] = {
            "contract_id": f"{'NET' if internet else 'MOB'}-{rng.randrange(10000, 99999)}",
            "product": "internet" if internet else "mobile",
            "plan": plan,
            "monthly": PRICES[plan],
            "line_id": f"LN-{rng.randrange(10000, 99999)}",
            "earliest_end": end.isoformat(),
        }
        if internet:
            contract["router"] = f"RT-{rng.randrange(10000, 99999)}"
        else:
            contract["number"] = f"0556 {rng.randrange(1, 9)}{position}{unique:04d}"
            contract["sim_id"] = f"SIM-{rng.randrange(10000, 99999)}"
        contracts.append(contract)
    return contracts


def _draw_invoices(
    rng: random.Random, contracts: list[dict[str, Any]], today: datetime.date
) -> tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]:
    invoices, items = [], {}
    still_open = rng.choice([1, 1, 1, 2])
    year, month = today.year, today.month
    for age, drawn in enumerate(rng.sample(range(10000, 99999), 4)):
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
        number = f"INV-{drawn}"
        lines = [{"text": contract["plan"], "amount": contract["monthly"]} for contract in contracts]
        lines += [
            {"text": text, "amount": rng.randrange(211, 2999) / 100}
            for text in rng.sample(_EXTRAS, 2 if age < 2 else 1)
        ]
        items[number] = lines
        due = datetime.date(year + month // 12, month % 12 + 1, rng.randrange(18, 29))
        invoices.append(
            {
                "invoice_id": number,
                "period": f"{MONTHS[month - 1]} {year}",
                "total": sum(round(line["amount"] * 100) for line in lines) / 100,
                "status": "open" if age < still_open else "paid",
                "due_date": due.isoformat(),
            }
        )
    return invoices, items
