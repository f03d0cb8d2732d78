"""Personal data: pseudonyms for authors, and texts without the means to reach anybody.

What is taken out must be sure: a year, a film's name or a box-office figure that looks like a number to call
stays where it is.
"""

import hashlib
import hmac
import re
import unicodedata

# The marks of contacts, in the syntax that Python and Arrow (RE2) share.
_MARK_AT = r"@|(?i:[(\[{]at[)\]}]| at [a-z]+ dot )"
_MARK_SITE = r"(?i:\.com/|\.me/)"
_MARK_DIGITS = r"[0-9](?:[ ().\-/]{0,3}[0-9]){6}"
CONTACT = f"{_MARK_AT}|{_MARK_SITE}|{_MARK_DIGITS}"

_AT, _SITE, _MANY_DIGITS = (re.compile(mark) for mark in (_MARK_AT, _MARK_SITE, _MARK_DIGITS))
_LOCAL = r"(?<![\w.+-])[\w.+-]{1,64}+"
_ENDING = r"(?:com|net|org|edu|info|co|de|fr|uk|ca|au|nl|it|es)\b"
_MAIL = re.compile(
    rf"{_LOCAL}@(?:[A-Za-z0-9-]{{1,63}}\.){{1,4}}(?:[a-z]{{2,24}}|[A-Z]{{2,24}})(?![A-Za-z0-9-])"
    rf"|{_LOCAL} ?[(\[{{](?i:at)[)\]}}] ?[A-Za-z0-9-]{{1,63}}(?:\.| ?[(\[{{](?i:dot)[)\]}}] ?| (?i:dot) )(?i:{_ENDING})"
    # Without brackets only at a host of mailboxes: "look at amazon dot com" is nobody's address.
    rf"|{_LOCAL} at (?i:aol|gmail|gmx|hotmail|icloud|outlook|protonmail|yahoo) dot (?i:{_ENDING})"
)
# Companies have profiles too, and nothing tells theirs apart.
_PROFILE = re.compile(
    r"(?i)(?<![\w.@/-])(?:https?://)?(?:(?:www|m|mobile)\.)?(?:(?:facebook|instagram|letterboxd|myspace|snapchat|tiktok"
    r"|twitter|vk|x)\.com/@?|t\.me/|linkedin\.com/in/|youtube\.com/(?:@|user/)|imdb\.com/user/)[\w.%-]{2,64}(?:/[^\s<>\"]{0,200})?"
)
# Films are sworn at, and the letters of an oath hidden: "@sshole", "@$$".
_HANDLE = re.compile(r"(?<![\w.@&/#$%*!?^-])@(?!ss)[A-Za-z](?=\w{0,28}[a-z0-9])\w{2,29}(?![\w@#$%*])")
_DIGITS = r"\+?\(?[0-9](?:[ ().\-/]{0,3}[0-9]){6,16}"
_NAMED_NUMBER = re.compile(
    rf"(?i)\b((?:tele)?phone|tel|fax|whatsapp|call me (?:at|on))( ?(?:no|number|nr)?[.:]? ?)({_DIGITS})(?![\w%])"
)
_NUMBER = re.compile(rf"(?<![\w$€£¥.,/+-]){_DIGITS}(?![\w%])")
_GROUP = re.compile(r"[0-9]+")
_YEARS = re.compile(r"(?:18|19|20)[0-9]{2}")


def pseudonym(author: str, source: str, key: bytes) -> str:
    """A stable name for an author of a source that leads back to nobody without the key.

    It is the first 16 hexadecimal digits of HMAC-SHA-256 over the source and the author's name. The name is
    compared as people do: without regard to case, compatibility forms and white space.

    Args:
        author: the name as the source writes it.
        source: the name of the source; one person has another pseudonym at another.
        key: the secret; whoever has it can test a guessed name.

    Raises:
        ValueError: the key is empty.
    """
    if not key:
        raise ValueError("key: the key of pseudonyms is empty")
    name = " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", author).casefold()).split())
    return hmac.new(key, f"{source}\n{name}".encode(), hashlib.sha256).hexdigest()[:16]


def without_contacts(text: str) -> str:
    """A text with e-mail addresses, telephone numbers, profiles and handles replaced by what they were.

    The placeholders are ``[e-mail]``, ``[phone]``, ``[profile]`` and ``[handle]``. A telephone number has a country
    code, a trunk zero, the North American form or a word such as "phone" before it.

    Args:
        text: cleaned text.
    """
    # Each pattern is looked for only where its mark is: most texts that have one of the marks have no other.
    if _AT.search(text):
        text = _HANDLE.sub("[handle]", _MAIL.sub("[e-mail]", text))
    if _SITE.search(text):
        text = _PROFILE.sub("[profile]", text)
    if _MANY_DIGITS.search(text):
        text = _NAMED_NUMBER.sub(lambda m: m[0] if _is_span_of_years(m[3]) else f"{m[1]}{m[2]}[phone]", text)
        text = _NUMBER.sub(lambda m: "[phone]" if _is_phone_number(m[0]) else m[0], text)
    return text


def _is_span_of_years(number: str) -> bool:
    return all(_YEARS.fullmatch(group) for group in _GROUP.findall(number))


def _is_phone_number(number: str) -> bool:
    groups = _GROUP.findall(number)
    digits = sum(map(len, groups))
    between = {gap.strip("()") for gap in re.split("[0-9]+", number)[1:-1]} - {""}
    if any(_YEARS.fullmatch(group) for group in groups[:-1]):
        return False
    if number.startswith("+"):
        # Threes after the first group are how large numbers are written.
        return 9 <= digits <= 15 and not (len(groups) > 1 and all(len(group) == 3 for group in groups[1:]))
    if [len(group) for group in groups[-3:]] == [3, 3, 4] and groups[:-3] in ([], ["1"]):
        # Three numbers with nothing but spaces between them are three numbers.
        return min(groups[-3][0], groups[-2][0]) > "1" and (len(groups) == 4 or number[0] == "(" or between != {" "})
    return (
        groups[0][0] == "0"
        and groups[0][1:2] != "0"
        and 9 <= digits <= 12
        and len(groups) >= 3
        and all(len(group) >= 2 for group in groups)
        and len({gap.strip() or " " for gap in between}) == 1
        and not _YEARS.fullmatch(groups[-1])
    )
