"""Text from the web is read as a person reads it, whatever it was wrapped in."""

# ruff: noqa: RUF001 - letters of the world are what is tested

import html

import pyarrow as pa
import pytest
from ftfy.badness import is_bad
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trending_assets.domain.text.cleaning import UNSETTLED, clean_text, plain_text
from trending_assets.domain.text.columns import read_texts
from trending_assets.domain.text.personal import without_contacts

_PIECES = st.sampled_from(
    [
        "<",
        ">",
        "</",
        "<b>",
        "</b>",
        "<br />",
        "<p class='x'>",
        '<a href="/x">',
        "<script>",
        "</script>",
        "<!--",
        "-->",
        "&",
        "&amp;",
        "&lt;",
        "&gt;",
        "&quot;",
        "&#39;",
        "&nbsp;",
        "&#8217;",
        ";",
        "#",
        "amp;",
        "lt;",
        "<sigh>",
        "<br",
        "<b",
        "&eacute;",
        "a",
        "é",
        "é",
        "Ã©",
        "â€™",
        "\x93",
        "\x85",
        "\u200b",
        "’",
        "œ",
        "日",
        " ",
        "  ",
        "\n",
        "\t",
        "\xa0",
        "/",
        "@",
        "me@example.com",
        "(212) 555-0123",
        "1999-2001",
        "x.com/me",
        "Â ",
        "\x00",
    ]
)
_WEB = st.lists(_PIECES, max_size=12).map("".join) | st.text()


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a < b and b > c", "a < b and b > c"),
        ("I <3 it", "I <3 it"),
        ("AT&T, Q&A; R&amp;B", "AT&T, Q&A; R&B"),
        ("&copy 2000 &copy; 2001", "&copy 2000 © 2001"),
        ("x<y and <b>bold</b>", "x<y and bold"),
        ("<sigh> a <SPOILER>twist</SPOILER>", "<sigh> a <SPOILER>twist</SPOILER>"),
        ("<p>One</p><p>Two</p>", "One Two"),
        ("One<br>two<br/>three<BR />four", "One two three four"),
        ("un<b>believ</b>able", "unbelievable"),
        ('<div class="x">a</div>b', "a b"),
        ('<a href="https://x.org/?a=1&b=2">A link</a> here', "A link here"),
        ("<script>var a = '<b>';</script>Text<style>p {}</style>", "Text"),
        ("Seen <!-- not this --> twice", "Seen twice"),
        ("The <script> was bad", "The <script> was bad"),
        ("A <!-- that never ends", "A <!-- that never ends"),
        ("&amp;lt;b&amp;gt;twice escaped", "twice escaped"),
        ("It&#8217;s &quot;good&quot;&nbsp;&hellip;", 'It’s "good" …'),
        ("donâ€™t miss AmÃ©lie", "don’t miss Amélie"),
        ("\x93Quoted\x94 \x96 and so on\x85", "“Quoted” – and so on…"),
        ("Beyoncé’s café", "Beyoncé’s café"),
        ("ESTEVÃO is a name", "ESTEVÃO is a name"),
        ("  Cafe\u0301\r\n noir\u200b ", "Café noir"),
        ("<", "<"),
        ("", ""),
    ],
)
def test_what_is_read(text: str, read: str) -> None:
    assert plain_text(text) == read
    assert read_texts(pa.array([text])).to_pylist() == [read]


@given(_WEB)
@settings(deadline=None, max_examples=500)
@example("&amp;amp;lt;b&gt;")
@example("<!--&lt;!---->")
def test_reading_twice_is_reading_once(text: str) -> None:
    once = plain_text(text)
    assert plain_text(once) == once
    assert clean_text(once) == once


# Without what begins a character in UTF-8 that was read as Latin-1: before a tag, which is a space, some of those are
# what a broken no-break space leaves, and with markup around them all are repaired.
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="".join(map(chr, range(0xC2, 0xF5))))))
@settings(deadline=None, max_examples=200)
def test_escaping_a_cleaned_text_changes_nothing(text: str) -> None:
    plain = plain_text(text)
    assert plain_text(html.escape(plain)) == plain
    assert plain_text(f"<p>{html.escape(plain)}</p>") == plain


@given(st.lists(st.none() | _WEB, max_size=8))
@settings(deadline=None, max_examples=500)
def test_a_column_is_read_as_its_texts_are(texts: list[str | None]) -> None:
    one_by_one = [None if text is None else without_contacts(plain_text(text)) for text in texts]
    assert read_texts(pa.array(texts, pa.string())).to_pylist() == one_by_one


_MOJIBAKE = st.text("aeé’“ÃÂâ€™Ž¢œŒ°×²³ª¡¿ß¦ŁłВвГР√±‚Äμ \x80\x93\xa0.,(-", min_size=1, max_size=6)


@given(_MOJIBAKE)
@settings(deadline=None, max_examples=800)
@example("a Ã ")
@example("œ,")
def test_no_broken_text_looks_settled(text: str) -> None:
    matched = pa.compute.match_substring_regex(pa.array([text]), UNSETTLED)[0].as_py()
    assert matched or not is_bad(text)


@pytest.mark.parametrize(
    "text",
    [
        "<b " * 100000,
        "<div x>" * 50000,
        "<a x>" * 50000,
        "&amp;" * 100000,
        "&" + "amp;" * 100000,
        "<!--" * 100000,
        "<script>" * 50000,
        "<" * 300000,
        "<a " + "x" * 300000,
        "</" * 100000,
        " " * 300000 + "x",
    ],
    ids=lambda text: text[:8],
)
def test_hostile_text_is_read_to_its_end(text: str) -> None:
    # Anything worse than linear would take minutes here.
    assert len(plain_text(text)) <= len(text)
