import pytest

from include.flywheel.privacy import PrivacyConfig
from include.flywheel.privacy.discovery import Discovery

DISCOVERY = Discovery(
    PrivacyConfig.model_validate(
        {
            "mode": "report",
            "regions": ["US", "GB", "DE", "FR", "ES", "IT"],
            "entities": ["person", "email", "phone", "card", "iban", "national_id", "address", "ip"],
        }
    )
)


@pytest.mark.parametrize(
    ("text", "kind", "form"),
    [
        ("write to ann.lee+shop@mail.acme.co.uk.", "email", "ann.lee+shop@mail.acme.co.uk"),
        ("it's jane dot doe at gmail dot com", "email", "jane dot doe at gmail dot com"),
        ("card 4111-1111-1111-1111 please", "card", "4111-1111-1111-1111"),
        ("IBAN BE68 5390 0754 7034 is mine", "iban", "BE68 5390 0754 7034"),
        ("ring 020 7946 0535", "phone", "020 7946 0535"),
        ("+91 98765 06256", "phone", "+91 98765 06256"),
        ("my cell is 4155954862", "phone", "4155954862"),
        ('{"phone": "1234567"}', "phone", "1234567"),
        ("my SSN is 520 44 2319", "national_id", "520 44 2319"),
        ("DNI 84521415A", "national_id", "84521415A"),
        ("CPF 274.711.300-08", "national_id", "274.711.300-08"),
        ("we live at 763 Broadway, Suite 135, Philadelphia, PA 19122", "address", "Suite 135"),
        ('{"line_1": "5 Oak Ct", "postal_code": "19122"}', "address", "19122"),
        ("Lindenallee 5, 79100 Freiburg", "address", "Lindenallee 5"),
        ("{'shippingAddress': {'postalCode': '19122'}}", "address", "19122"),
        ("from 93.184.216.34 yesterday", "ip", "93.184.216.34"),
        ("Best regards,\nAoife Gallagher", "person", "Aoife"),
        ("my name is yusuf rossi", "person", "rossi"),
        ('{"customer": {"name": "Chidi Anagonye"}}', "person", "Anagonye"),
        ('{"user_id": "sofia_li_9219"}', "person", "sofia"),
        ("{'first_name': 'Mei'}", "person", "Mei"),
    ],
)
def test_personal_data_is_found(text: str, kind: str, form: str) -> None:
    assert (kind, form) in {(finding.kind, finding.form) for finding in DISCOVERY.in_text(text)}


@pytest.mark.parametrize(
    "text",
    [
        "order #W1234567, item 4202497723, product id 6992792935, total $1,234.50",
        '{"order_id": "#W2378156", "item_ids": ["4202497723"], "name": "Smart Watch", "price": 342.81}',
        '{"Headphones": "6992792935", "Smartphone": "1801728040"}',
        '{"address": {"country": "USA", "state": "PA"}, "ip_address": "10.0.0.1", "unit": "2"}',
        "flight HAT514 on 2025-10-11 at 10:00:00, 11.10.2025, 10/11/2025",
        "version 10.0.19045.3693, v1.22.0-rc.1, numpy==2.1.0, left-pad@1.3.0, icon@2x.png",
        "request c7f17d28-7224-a7c9-b424-60b8a0dd8910 on ip-10-20-30-40.ec2.internal took 1843221 us",
        "tracking number 9400 1234 5678 9012 3456 78, parcel 1Z999AA10123456784",
        "Will you deliver in May or April? Mark it as done. Yes, Express Delivery is fine.",
        "During 5 days of offering 20 percent, 960-480-120 = 360 and (0.20)156.25.",
        "I'm Sorry to hear that. Hi, I'm here to help.",
        "ISBN 978-3-16-148410-0, 52.520008, 13.404954",
    ],
)
def test_what_only_looks_like_it_is_left_alone(text: str) -> None:
    assert DISCOVERY.in_text(text) == ()


def test_a_data_url_is_not_read() -> None:
    assert DISCOVERY.in_text("data:image/png;base64,+14155954862") == ()
