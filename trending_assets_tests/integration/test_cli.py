"""The command line: what it answers, and that a fault is one clear line and a non-zero exit."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trending_assets.automation.running import INSTANCE_SETTINGS
from trending_assets.storage.home import Home
from trending_assets.storage.registry import ModelRef
from trending_assets_tests.integration.homes import SmallHome
from trending_assets_tests.integration.small_source import HISTORY
from trending_assets_tests.serving.world import World

ROOT = Path(__file__).parents[2]


def trending(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command on a home."""
    variables = os.environ | {"TRENDING_HOME": str(home), "PYTHONPATH": str(ROOT), "COLUMNS": "200"} | environment
    command = [sys.executable, "-m", "trending_assets", *arguments]
    return subprocess.run(
        command, check=False, env=variables, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def failed(done: subprocess.CompletedProcess[str]) -> str:
    """The one line in which a command says what is wrong."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, lines
    return lines[0]


@pytest.fixture
def home(finished: SmallHome, tmp_path: Path) -> SmallHome:
    return finished.copied_to(tmp_path / "a home")


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ("2025-05-01", "2025-06-02", "leaves the partitions 2025-06-02 to 2025-06-29"),
        ("2025-06-20", "2025-07-02", "leaves the partitions 2025-06-02 to 2025-06-29"),
        ("2025-06-04", "2025-06-03", "is empty"),
    ],
)
def test_a_backfill_outside_the_partitions_is_refused(first: str, last: str, said: str, tmp_path: Path) -> None:
    assert said in failed(trending(tmp_path, "backfill", "--from", first, "--to", last))


def test_a_backfill_of_an_unknown_group_names_the_groups(tmp_path: Path) -> None:
    line = failed(trending(tmp_path, "backfill", "--from", "2025-06-02", "--to", "2025-06-02", "--select", "nonsense"))
    assert "'nonsense'" in line
    assert "cleaned, features, models, monitoring, parsed, raw, training" in line


def test_a_sample_that_cannot_be_fetched_is_one_line_that_says_the_way_on(tmp_path: Path) -> None:
    nowhere = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
    line = failed(trending(tmp_path / "home", "demo", "--no-serve", **nowhere))
    assert "could not fetch bokeh-sampledata==2026.1" in line
    assert "PIP_INDEX_URL" in line


def test_a_page_is_landed_by_the_source_that_owns_its_host(tmp_path: Path) -> None:
    page = "https://films.example.org/lamp"
    assert "films.example.org" in failed(trending(tmp_path, "ingest", page))
    owned = failed(trending(tmp_path, "ingest", page, TRENDING_SCHEMA_ORG_HOSTS="films.example.org"))
    assert "schema_org cannot be asked yet: set TRENDING_CONTACT" in owned


def test_debug_shows_where_a_fault_comes_from(tmp_path: Path) -> None:
    done = trending(tmp_path, "--debug", "backfill", "--from", "2025-06-04", "--to", "2025-06-03")
    assert done.returncode == 1
    assert "UnknownPartitionError" in done.stderr


def test_sql_reads_the_lake_and_nothing_else(home: SmallHome) -> None:
    done = trending(home.folder, "sql", "select count(distinct day) as days from titles", "--format", "csv")
    assert done.stdout.splitlines() == ["days", str(len(HISTORY))]
    one = trending(home.folder, "sql", "select promoted from gate_decisions", "--format", "json")
    assert json.loads(one.stdout) == {"promoted": True}
    target = home.folder / "copy.csv"
    assert "SELECT" in failed(trending(home.folder, "sql", f"copy titles to '{target}'"))
    assert not target.exists()
    assert "nonexistent" in failed(trending(home.folder, "sql", "select * from nonexistent"))


def test_doctor_says_what_is_live_and_why(home: SmallHome) -> None:
    report = json.loads(trending(home.folder, "doctor", "--json").stdout)
    assert report["home"] == str(home.folder)
    assert report["versions"]["dagster"] == "1.13.27"
    assert {entry["state"] for entry in report["integrations"]} <= {"live", "local", "off"}
    said = {entry["name"]: (entry["state"], entry["why"]) for entry in report["integrations"]}
    assert said["encoder"][0] == "local"
    assert "champion" in said["model registry"][1]
    assert f"{len(HISTORY)} days landed" in said["lake"][1]


@pytest.mark.parametrize(
    ("environment", "state"),
    [
        ({"TRENDING_TRACKING": "off"}, "off"),
        ({"TRENDING_TRACKING": "auto", "WANDB_API_KEY": ""}, "local"),
        ({"TRENDING_TRACKING": "auto", "WANDB_API_KEY": "secret"}, "live"),
    ],
)
def test_doctor_says_where_trainings_are_tracked(environment: dict[str, str], state: str, tmp_path: Path) -> None:
    done = trending(tmp_path / "none", "doctor", "--json", **environment)
    (entry,) = (e for e in json.loads(done.stdout)["integrations"] if e["name"] == "weights & biases")
    assert entry["state"] == state
    assert "secret" not in done.stdout


@pytest.mark.parametrize(
    ("urls", "state", "said"),
    [
        ("", "off", "names nobody"),
        ("json://secret@127.0.0.1:9/ mailtos://me:secret@mail.example", "live", "2 places are told: json, mailtos"),
        ("json://secret@127.0.0.1:9/ https//hooks.example/secret", "off", "1 of 2 in TRENDING_ALERT_URLS are no URLs"),
    ],
)
def test_doctor_says_who_is_told_without_a_secret(urls: str, state: str, said: str, tmp_path: Path) -> None:
    done = trending(tmp_path / "none", "doctor", "--json", TRENDING_ALERT_URLS=urls)
    (entry,) = (e for e in json.loads(done.stdout)["integrations"] if e["name"] == "alerts")
    assert entry["state"] == state
    assert said in done.stdout
    assert "secret" not in done.stdout + done.stderr


def test_tracked_runs_are_uploaded_with_a_key_only(tmp_path: Path) -> None:
    assert "WANDB_API_KEY is not set" in failed(trending(tmp_path, "wandb", "sync", WANDB_API_KEY=""))
    assert trending(tmp_path, "wandb", "sync", WANDB_API_KEY="secret").stdout == "0 runs uploaded\n"


def test_doctor_on_an_empty_home_creates_nothing(tmp_path: Path) -> None:
    report = json.loads(trending(tmp_path / "none", "doctor", "--json").stdout)
    said = {entry["name"]: entry["state"] for entry in report["integrations"]}
    assert said["feast registry"] == said["feast online store"] == "off"
    assert not (tmp_path / "none").exists()


def test_models_are_listed_shown_promoted_and_rolled_back(home: SmallHome) -> None:
    champion = home.registry.aliases()["champion"]
    other = next(
        ModelRef(name, home.registry.versions(name)[-1])
        for name in ("genre_logreg", "genre_xgboost")
        if name != champion.model
    )
    listed = trending(home.folder, "models", "list").stdout
    assert champion.version in listed
    assert "champion" in listed
    assert json.loads(trending(home.folder, "models", "show", "champion").stdout)["model"] == champion.model
    assert trending(home.folder, "models", "promote", str(other)).returncode == 0
    assert home.registry.aliases() == {"champion": other, "previous": champion}
    assert home.registry.decisions()[-1]["reasons"] == ["promoted by a person"]
    cards = Home(home.folder).reports / "model_cards"
    assert "promoted by a person" in (cards / other.model / f"{other.version}.md").read_text()
    assert trending(home.folder, "models", "rollback").returncode == 0
    assert home.registry.aliases()["champion"] == champion
    assert "rolled back by a person" in (cards / champion.model / f"{champion.version}.md").read_text()
    assert "not registered" in failed(trending(home.folder, "models", "promote", "genre_logreg/nothing"))


def test_a_version_that_fails_its_self_test_is_not_promoted(home: SmallHome) -> None:
    before, good = home.registry.aliases(), ModelRef("genre_logreg", home.registry.versions("genre_logreg")[-1])
    folder, bad = home.registry.verified(good), ModelRef("genre_logreg", "20250627-bad")

    def save(target: Path) -> None:
        shutil.copytree(folder, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("manifest.*"))
        said = json.loads((target / "self_test.json").read_text())
        said["probabilities"][0][0] = 1.0 - round(said["probabilities"][0][0])
        (target / "self_test.json").write_text(json.dumps(said))

    home.registry.register(bad, home.registry.manifest(good).model_dump(exclude={"model", "version", "files"}), save)
    assert "self-test" in failed(trending(home.folder, "models", "promote", str(bad)))
    assert home.registry.aliases() == before


def test_one_model_is_trained_by_name_and_the_gate_decides(home: SmallHome) -> None:
    before = {model: home.registry.versions(model) for model in home.registry.models()}
    assert "give one of the two" in failed(trending(home.folder, "train", "bert", "--minutes", "1", "--passes", "1"))
    done = trending(home.folder, "train", "bert", "--passes", "0.05")
    assert done.returncode == 0, done.stderr
    assert "macro-F1 and micro-F1 on the test titles:" in done.stdout
    assert "last decision of the gate:" in done.stdout
    new = {model: len(home.registry.versions(model)) - len(known) for model, known in before.items()}
    # Another budget is another training; the others stay as they are.
    assert new == {model: int(model == "genre_bert") for model in before}
    parameters = [
        home.registry.manifest(ModelRef("genre_bert", version)).parameters
        for version in home.registry.versions("genre_bert")
    ]
    assert [(p["passes"], p.get("minutes")) for p in parameters] == [(0, 0), (0.05, None)]


def test_what_a_search_found_is_what_a_model_is_trained_with(home: SmallHome) -> None:
    done = trending(home.folder, "tune", "logreg", "--trials", "2")
    assert done.returncode == 0, done.stderr
    assert "2 trials of genre_logreg" in done.stdout
    best = trending(home.folder, "sql", "select unnest(map_entries(parameters), recursive := true) from genre_trials "
                    "where chosen", "--format", "csv").stdout.splitlines()[1:]  # fmt: skip
    parameters = {name: float(value) for name, value in (line.split(",") for line in best)}
    assert trending(home.folder, "train", "logreg").returncode == 0
    version = ModelRef("genre_logreg", home.registry.versions("genre_logreg")[-1])
    assert parameters.items() <= home.registry.manifest(version).parameters.items()
    assert "no parameters to search for" in failed(trending(home.folder, "tune", "keyword"))


@pytest.mark.parametrize(
    ("model", "said"), [("oracle", "there are genre_majority"), ("majority", "not trained by itself")]
)
def test_what_cannot_be_trained_is_said_in_one_line(model: str, said: str, tmp_path: Path) -> None:
    assert said in failed(trending(tmp_path, "train", model))


def test_a_tampered_model_is_neither_shown_nor_promoted(home: SmallHome) -> None:
    champion = home.registry.aliases()["champion"]
    name = next(iter(home.registry.manifest(champion).files))
    with (home.registry.verified(champion) / name).open("ab") as file:
        file.write(b" ")
    for command in ("show", "promote"):
        assert name in failed(trending(home.folder, "models", command, str(champion)))


def test_predict_answers_a_file_in_order(home: SmallHome, tmp_path: Path) -> None:
    rows = [
        {"title_id": "a", "title": "Night", "kind": "movie", "year": 1999, "plot": "A ghost haunts the old house."},
        {"title_id": "b", "title": "Dust", "kind": "show", "year": None, "plot": "The sheriff faces the outlaw."},
    ]
    source, target = tmp_path / "titles.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    done = trending(home.folder, "predict", "--input", str(source), "--output", str(target))
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in target.read_text().splitlines()]
    assert [answer["title_id"] for answer in answers] == ["a", "b"]
    for answer in answers:
        assert answer["model"]["name"] == home.registry.aliases()["champion"].model
        probabilities = [genre["probability"] for genre in answer["genres"]]
        assert probabilities == sorted(probabilities, reverse=True)
        assert answer["abstained"] == (not any(genre["selected"] for genre in answer["genres"]))


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("{", "not a JSON object"),
        ("[]", "not a JSON object"),
        ('{"title": "X", "kind": "book", "plot": "p", "year": 2000}', "kind"),
        ('{"title": "", "kind": "movie", "plot": "", "year": 2000}', "empty"),
    ],
)
def test_a_bad_line_is_named_and_the_output_left_alone(bad: str, said: str, home: SmallHome, tmp_path: Path) -> None:
    source, target = tmp_path / "titles.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"title": "X", "kind": "movie", "plot": "p", "year": 2000}\n' + bad + "\n")
    target.write_text("before")
    line = failed(trending(home.folder, "predict", "--input", str(source), "--output", str(target)))
    assert "line 2" in line
    assert said in line
    assert target.read_text() == "before"


def test_predict_reads_what_the_archive_source_reads(home: SmallHome, tmp_path: Path) -> None:
    lines = [
        "id,title,type,description,release_year",
        'tm1,Night,MOVIE,"A ghost haunts the old house, night after night.",1999',
        "ts2,Dust,SHOW,The sheriff faces the outlaw.,",
        "tm3,Nameless,MOVIE,,2001",
    ]
    rows = [
        {"title": "Night", "kind": "movie", "year": 1999, "plot": "A ghost haunts the old house, night after night."},
        {"title": "Dust", "kind": "show", "year": None, "plot": "The sheriff faces the outlaw."},
        {"title": "Nameless", "kind": "movie", "year": 2001, "plot": None},
    ]
    named, other = tmp_path / "my_justwatch_titles.csv.gz", tmp_path / "catalogue.csv"
    named.write_bytes(gzip.compress("\n".join(lines).encode()))
    other.write_text("\n".join(lines))
    plain = tmp_path / "plain.jsonl.gz"
    plain.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    found = {}
    for source, how in ((named, ()), (other, ("--mapping", "justwatch")), (plain, ())):
        target = tmp_path / "out.jsonl"
        done = trending(home.folder, "predict", "--input", str(source), "--output", str(target), *how)
        assert done.returncode == 0, done.stderr
        found[source.name] = [json.loads(line) for line in target.read_text().splitlines()]
    assert [answer["title_id"] for answer in found[named.name]] == ["tm1", "ts2", "tm3"]
    genres = {name: [answer["genres"] for answer in answers] for name, answers in found.items()}
    assert genres[named.name] == genres[other.name] == genres[plain.name]


def test_predict_says_what_it_cannot_read(home: SmallHome, tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    unknown = tmp_path / "catalogue.csv"
    unknown.write_text("id,title\n1,Night\n")
    line = failed(trending(home.folder, "predict", "--input", str(unknown), "--output", str(target)))
    assert "--mapping" in line
    bad = tmp_path / "justwatch.csv"
    bad.write_text("id,title,type,description,release_year\ntm1,Night,MOVIE,A ghost.,1999\ntm2,Dust,OPERA,Sung.,2000\n")
    line = failed(trending(home.folder, "predict", "--input", str(bad), "--output", str(target)))
    assert "row 2" in line
    assert "type" in line
    assert not target.exists()


def test_predict_without_a_champion_says_so(tmp_path: Path) -> None:
    source = tmp_path / "titles.jsonl"
    source.write_text('{"title": "X", "kind": "movie", "plot": "p", "year": 2000}\n')
    line = failed(trending(tmp_path / "home", "predict", "--input", str(source), "--output", str(tmp_path / "out")))
    assert "no champion" in line


def test_a_host_that_others_can_reach_is_refused(tmp_path: Path) -> None:
    assert "TRENDING_ALLOW_PUBLIC" in failed(trending(tmp_path, "serve", "--host", "0.0.0.0"))


def test_a_run_shows_up_in_the_instance_with_the_settings_of_the_home(home: SmallHome) -> None:
    with home.instance() as instance:
        assert instance.get_settings("telemetry") == INSTANCE_SETTINGS["telemetry"]
        assert {run.job_name for run in instance.get_runs()} >= {"retrain"}


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    made = trending(tmp_path, "keys", "add", "web site", "--scope", "read")
    text = made.stdout.strip()
    key_id = text.split("_")[1]
    assert f"key {key_id} may read" in made.stderr
    assert text not in made.stderr
    listed = trending(tmp_path, "keys", "list").stdout
    assert key_id in listed
    assert "web site" in listed
    assert text.split("_", 2)[2] not in listed
    assert trending(tmp_path, "keys", "revoke", key_id).stdout.strip() == f"revoked: {key_id} (web site)"
    assert "no such scope: write" in failed(trending(tmp_path, "keys", "add", "x", "--scope", "write"))
    assert "00000000" in failed(trending(tmp_path, "keys", "revoke", "00000000"))


def test_experiments_are_started_listed_reported_and_stopped(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert "no version is champion" in failed(trending(tmp_path, "experiments", "start"))
    world.promote()
    assert "no version is challenger" in failed(trending(tmp_path, "experiments", "start"))
    world.registry.challenge(world.register("20250627-bbbbbbbb"))
    assert "--share" in failed(trending(tmp_path, "experiments", "start", "--share", "1"))
    made = trending(tmp_path, "experiments", "start", "--unit", "key", "--share", "0.2").stdout
    experiment_id = made.split()[1].rstrip(":")
    assert "genre_majority/20250627-bbbbbbbb against genre_majority/20250626-aaaaaaaa" in made
    assert experiment_id in failed(trending(tmp_path, "experiments", "start"))
    assert "0.2" in trending(tmp_path, "experiments", "list").stdout
    report = trending(tmp_path, "experiments", "report", experiment_id).stdout
    assert "agreement: exact match unknown" in report
    assert "winner: unknown: there are no outcomes" in report
    stopped = trending(tmp_path, "experiments", "stop", experiment_id).stdout
    assert stopped.strip() == f"stopped: {experiment_id}"
    assert "00000000" in failed(trending(tmp_path, "experiments", "report", "00000000"))
