import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trending_assets.storage.api_keys import ApiKeys, KeyFileError, UnknownKeyError

NOW = datetime(2025, 6, 26, 12, tzinfo=UTC)
LATER = datetime(2025, 6, 27, tzinfo=UTC)


@pytest.fixture
def keys(tmp_path: Path) -> ApiKeys:
    return ApiKeys(tmp_path / "home" / "secrets" / "api_keys.json")


def test_a_key_is_found_by_its_text_and_no_file_holds_that(keys: ApiKeys) -> None:
    made, text = keys.add("the web site", ["read", "predict"], NOW)
    assert keys.ring().find(text) == made
    assert made.scopes == {"read", "predict"}
    secret = text.removeprefix(f"tn_{made.key_id}_")
    assert len(secret) == 43
    for path in keys.path.parent.iterdir():
        assert secret not in path.read_text()


def test_only_the_owner_gets_at_the_file(keys: ApiKeys) -> None:
    keys.add("a", ["read"], NOW)
    assert stat.S_IMODE(keys.path.parent.stat().st_mode) == 0o700


def test_every_key_is_another(keys: ApiKeys) -> None:
    texts = [keys.add("same name", ["read"], NOW)[1] for _ in range(20)]
    assert len(set(texts)) == 20
    assert [key.name for key in keys.all()] == ["same name"] * 20
    ring = keys.ring()
    assert len({found.key_id for text in texts if (found := ring.find(text))}) == 20


def test_what_is_nearly_a_key_is_none(keys: ApiKeys) -> None:
    made, text = keys.add("a", ["read"], NOW)
    other, _ = keys.add("b", ["read"], NOW)
    last = "A" if text[-1] != "A" else "B"
    ring = keys.ring()
    for wrong in (
        "",
        text[:-1],
        text + "x",
        text[:-1] + last,
        text + "\n",
        f" {text}",
        text.upper(),
        text.replace(made.key_id, other.key_id),
        text.replace(made.key_id, "00000000"),
        made.sha256,
        f"tn_{made.key_id}_{made.sha256[:43]}",
        text.replace("tn_", "tn_é"),
    ):
        assert ring.find(wrong) is None, wrong


def test_a_revoked_key_is_refused_and_stays_in_the_list(keys: ApiKeys) -> None:
    made, text = keys.add("a", ["read"], NOW)
    _, other = keys.add("b", ["read"], NOW)
    assert keys.revoke(made.key_id, LATER).revoked_at == LATER
    assert keys.ring().find(text) is None
    assert keys.ring().find(other) is not None
    assert keys.revoke(made.key_id, datetime(2026, 1, 1, tzinfo=UTC)).revoked_at == LATER
    assert [key.revoked_at for key in keys.all()] == [LATER, None]


def test_an_unknown_key_cannot_be_revoked(keys: ApiKeys) -> None:
    with pytest.raises(UnknownKeyError, match="00000000"):
        keys.revoke("00000000", NOW)


def test_without_a_file_there_are_no_keys(keys: ApiKeys) -> None:
    assert keys.all() == []
    assert not keys.path.parent.exists()


@pytest.mark.parametrize("content", ["", "{}", '{"keys": [{"key_id": "x"}]}', '{"keys": [], "more": 1}', "\x00"])
def test_a_file_that_is_none_of_ours_is_named(keys: ApiKeys, content: str) -> None:
    keys.path.parent.mkdir(parents=True)
    keys.path.write_text(content)
    with pytest.raises(KeyFileError, match=r"api_keys\.json"):
        keys.all()
    with pytest.raises(KeyFileError):
        keys.add("a", ["read"], NOW)
    assert keys.path.read_text() == content


def test_an_unknown_scope_is_refused(keys: ApiKeys) -> None:
    with pytest.raises(ValueError, match="scopes"):
        keys.add("a", ["everything"], NOW)  # type: ignore[list-item]
