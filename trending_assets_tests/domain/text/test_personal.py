"""What would let somebody be reached goes; what only looks like it stays."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.text.personal import pseudonym, without_contacts

_KEY = b"a key of the test"


def test_a_pseudonym_is_the_same_for_one_person_at_one_source() -> None:
    name = pseudonym("Renée O'Brien", "critics", _KEY)
    assert pseudonym("  RENE\u0301E   o'brien ", "critics", _KEY) == name
    assert pseudonym("Renée O'Brien", "viewers", _KEY) != name
    assert pseudonym("Renée O'Brian", "critics", _KEY) != name
    assert pseudonym("Renée O'Brien", "critics", b"another key") != name
    assert len(name) == 16
    assert set(name) <= set("0123456789abcdef")


def test_a_pseudonym_needs_a_key() -> None:
    with pytest.raises(ValueError, match="key"):
        pseudonym("Somebody", "critics", b"")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Mail me: kk2840.x+y@earth-link.co.uk!", "Mail me: [e-mail]!"),
        ("joe.x (at) mail (dot) com", "[e-mail]"),
        ("joe[at]web.de wrote", "[e-mail] wrote"),
        ("joe at gmail dot com", "[e-mail]"),
        ("+49 170 1234567", "[phone]"),
        ("+1 (212) 555-2123, evenings", "[phone], evenings"),
        ("Call (212) 555-2123.", "Call [phone]."),
        ("212-555-2123 or 212.555.2123", "[phone] or [phone]"),
        ("1-800-555-2123", "[phone]"),
        ("020 7946 0958", "[phone]"),
        ("01 23 45 67 89", "[phone]"),
        ("Phone: 555-2123", "Phone: [phone]"),
        ("tel 030/123456", "tel [phone]"),
        ("thanks @john_doe", "thanks [handle]"),
        ("https://twitter.com/joe/status/1 says", "[profile] says"),
        ("www.facebook.com/joe.smith", "[profile]"),
        ("https://www.imdb.com/user/ur12345/", "[profile]"),
    ],
)
def test_what_goes(text: str, left: str) -> None:
    assert without_contacts(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "2001: A Space Odyssey",
        "open 24/7, 9/11, 8/10, 7/10 and 6/10",
        "1999-2001, (1895-1898), 1995 2000 2001",
        "ISBN 978-0-306-40615-7, ISBN 0-306-40615-2",
        "$1,234,567,890 or 100.000.000 or 200 000 000",
        "+200 000 000 people",
        "4 8 15 16 23 42, 4815162342 and 3.14159265358979",
        "300 400 5000 dollars",
        "Phone Booth 2002 2003; phone 1999-2000",
        "01/02/2003 10, 6-3-2001 to 7-8-2002",
        "192.168.100.1234",
        "look at amazon dot com",
        "this @sshole, @$$, p@rn, f@#$ing, nick@night.It was",
        "a shot @ a film",
        "imdb.com/title/tt0425350/ and http://netflix.com/browse",
    ],
)
def test_what_stays(text: str) -> None:
    assert without_contacts(text) == text


_PIECES = st.sampled_from(
    [
        "joe",
        "at",
        "gmail",
        "dot",
        "com",
        "(at)",
        "mail.com",
        "a.b@mail.com",
        "x.com/joe",
        "www.x.com/joe",
        "@Joe_1",
        "@joe",
        "+1",
        "1",
        "(212)",
        "212-",
        "555",
        "2123",
        "212-555-2123",
        "phone:",
        "tel",
        "2001",
        "0",
        "[phone]",
        "-",
        "/",
        ".",
    ]
)


@given(st.lists(_PIECES, max_size=14).map(" ".join))
@settings(deadline=None, max_examples=600)
def test_taking_out_twice_is_taking_out_once(text: str) -> None:
    once = without_contacts(text)
    assert without_contacts(once) == once


@given(st.text("joe", min_size=1, max_size=20), st.from_regex(r"[a-z]{2,9}\.(com|org|de)", fullmatch=True), st.text())
@settings(deadline=None)
def test_no_address_is_left(local: str, domain: str, before: str) -> None:
    assert f"{local}@{domain}" not in without_contacts(f"{before} {local}@{domain} .")


@pytest.mark.parametrize(
    "text",
    [
        "a" * 300000,
        "a@" * 100000,
        "1 " * 200000,
        "+1" * 150000,
        "x.com/" * 100000,
        "(at)" * 100000,
        "phone 1" * 50000,
        " at a dot" * 50000,
        "1(((((((1" * 50000,
        "aaa@a." * 50000,
    ],
    ids=lambda text: text[:9],
)
def test_hostile_text_is_read_to_its_end(text: str) -> None:
    # Anything worse than linear would take minutes here.
    assert without_contacts(text)
