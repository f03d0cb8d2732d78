"""From a day that lands to a new model version and a decision of the gate, as the sensors go about it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from trending_assets.assets.models.champion import APPROVAL
from trending_assets.automation.landings import landings
from trending_assets.automation.sensors import features_on_landing, retrain_on_new_partitions
from trending_assets.domain.genres.datasets import TRAIN, assign_split
from trending_assets.ingest.documents import Document
from trending_assets.resources.gate import GateResource
from trending_assets.resources.training import TrainingResource
from trending_assets.storage.home import Home
from trending_assets.storage.registry import ModelRef
from trending_assets_tests.integration.homes import SmallHome
from trending_assets_tests.integration.small_source import (
    DAYS,
    HISTORY,
    NEW_DAY,
    SmallSource,
    film_document,
    small_source,
    story,
    titles_of,
)

_LABELS = ("Horror", "Comedy", "Romance", "Western", "Sci-Fi", "Documentary")


class Ticks:
    """The two sensors of a home, ticked by hand; what they request is run in this process."""

    def __init__(self, home: SmallHome, instance: dg.DagsterInstance) -> None:
        self.home = home
        self.instance = instance
        self.cursors: dict[str, str | None] = {}

    def tick(self, sensor: dg.SensorDefinition) -> list[dg.RunRequest]:
        """What a tick requests; the cursor is kept for the next one."""
        definitions = self.home.definitions
        context = dg.build_sensor_context(
            self.instance,
            cursor=self.cursors.get(sensor.name),
            definitions=definitions,
            resources={"training": (definitions.resources or {})["training"]},
        )
        result = sensor.evaluate_tick(context)
        self.cursors[sensor.name] = result.cursor
        return list(result.run_requests or [])

    def execute(self, job: str, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """Runs what was requested, with its tags, as the daemon would have it run."""
        return self.home.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=request.partition_key,
            tags=dict(request.tags),
            asset_selection=list(request.asset_selection) if request.asset_selection else None,
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )


@contextmanager
def _ticks(home: SmallHome) -> Iterator[Ticks]:
    with home.instance() as instance:
        ticks = Ticks(home, instance)
        # The daemon has looked at what had landed before.
        assert ticks.tick(features_on_landing) == []
        assert ticks.tick(retrain_on_new_partitions) == []
        yield ticks


def _land(home: SmallHome, ticks: Ticks, day: str) -> dg.RunRequest:
    """Lands a day, computes the features that are requested, and returns the request to retrain."""
    home.run("ingest", [day])
    assert ticks.tick(retrain_on_new_partitions) == []
    (features,) = ticks.tick(features_on_landing)
    assert features.partition_key == day
    assert ticks.execute("features", features).success
    (retrain,) = ticks.tick(retrain_on_new_partitions)
    assert retrain.tags["trending/new_partitions"] == day
    (landed,) = [each for each in landings(ticks.instance, "online_store", 0) if each.partition == day]
    assert landed.titles == home.lake.read("title_text", day).num_rows
    return retrain


def test_a_day_that_lands_leads_to_a_new_version_and_a_decision(finished: SmallHome, tmp_path: Path) -> None:
    home = finished.copied_to(tmp_path / "home")
    registry = home.registry
    before = {model: registry.versions(model) for model in registry.models()}
    with _ticks(home) as ticks:
        retrain = _land(home, ticks, NEW_DAY)
        assert ticks.execute("retrain", retrain).success

        # The same events do not request anything again.
        assert ticks.tick(features_on_landing) == []
        assert ticks.tick(retrain_on_new_partitions) == []

    # On so few titles a blend can prove nothing, and none is made; of one day genre_bert is not trained anew.
    assert set(before) == {"genre_keyword", "genre_logreg", "genre_xgboost", "genre_bert"}
    assert registry.versions("genre_bert") == before.pop("genre_bert")
    for model, known in before.items():
        versions = registry.versions(model)
        assert versions[:-1] == known
        assert versions[-1].startswith(NEW_DAY.replace("-", ""))
    assert len(registry.decisions()) == 2
    decision = registry.decisions()[-1]
    assert decision["champion_before"] == str(finished.registry.aliases()["champion"])
    assert decision["candidate"] in {
        f"{model}/{registry.versions(model)[-1]}" for model in ("genre_logreg", "genre_xgboost", "genre_bert")
    }
    assert decision["numbers"]["champion_macro_f1"] is not None
    alias = "champion" if decision["promoted"] else "challenger"
    assert str(registry.aliases()[alias]) == decision["candidate"]
    manifest = registry.manifest(registry.aliases()[alias])
    assert manifest.data_partitions == DAYS


@pytest.mark.parametrize(("asked_by_sensor", "new_rows", "anew"), [(True, 1000, 0), (True, 1, 1), (False, 1000, 1)])
def test_a_sensor_trains_bert_anew_only_once_enough_has_come(
    asked_by_sensor: bool, new_rows: int, anew: int, finished: SmallHome, tmp_path: Path
) -> None:
    training = TrainingResource(retrained=["genre_keyword", "genre_bert"], bert_minutes=0.0, bert_new_rows=new_rows)
    copied = finished.copied_to(tmp_path / "home")
    home = SmallHome(copied.folder, others={"training": training})
    before = {model: home.registry.versions(model) for model in home.registry.models()}
    with _ticks(home) as ticks:
        retrain = _land(home, ticks, NEW_DAY)
        assert retrain.asset_selection is not None
        left_out = {"genre_logreg", "genre_xgboost", "genre_blend"}
        assert left_out.isdisjoint(key.to_user_string() for key in retrain.asset_selection)
        assert retrain.tags["dagster/sensor_name"] == retrain_on_new_partitions.name
        tags = retrain.tags if asked_by_sensor else {}
        result = ticks.execute("retrain", retrain.with_replaced_attrs(tags=tags))
    assert result.success
    new = {model: len(home.registry.versions(model)) - len(known) for model, known in before.items()}
    assert new == {"genre_keyword": 1, "genre_logreg": 0, "genre_xgboost": 0, "genre_bert": anew}
    # What was not trained anew stays in the running.
    evaluated = home.lake.read("genre_evaluation", columns=["model", "version"]).to_pylist()
    versions = {(row["model"], row["version"]) for row in evaluated} - {("genre_majority", "fitted in place")}
    assert versions == {(model, home.registry.versions(model)[-1]) for model in before}


def _poisoned() -> SmallSource:
    """On the new day every title that models learn from comes again with a label of another genre."""
    documents: list[Document] = titles_of(NEW_DAY)
    for day in HISTORY:
        for document in titles_of(day):
            number = int(document.source_id.split("-")[1])
            known_as = f"tt{9_000_000 + number}"
            if document.document_type == "film" and assign_split(known_as) == TRAIN:
                title, plot, genres = story(number)
                wrong = _LABELS[(_LABELS.index(genres[0][0]) + 1) % len(_LABELS)]
                documents.append(film_document(NEW_DAY, number, title, plot, [wrong]))
    return small_source().having(NEW_DAY, documents)


def test_a_worse_model_is_refused_with_reasons_and_the_champion_stays(finished: SmallHome, tmp_path: Path) -> None:
    home = finished.copied_to(tmp_path / "home", _poisoned())
    champion = finished.registry.aliases()["champion"]
    with _ticks(home) as ticks:
        retrain = _land(home, ticks, NEW_DAY)
        result = ticks.execute("retrain", retrain)
    assert result.success

    decision = home.registry.decisions()[-1]
    assert decision["promoted"] is False
    assert decision["champion_before"] == str(champion)
    assert any("is not above -0.01" in reason and "current champion" in reason for reason in decision["reasons"])
    assert decision["numbers"]["candidate_macro_f1"] < decision["numbers"]["champion_macro_f1"]
    aliases = home.registry.aliases()
    assert aliases["champion"] == champion
    assert str(aliases["challenger"]) == decision["candidate"]
    assert "previous" not in aliases
    (said,) = [
        event.step_materialization_data.materialization.metadata
        for event in result.all_events
        if event.is_step_materialization and event.asset_key == dg.AssetKey("genre_champion")
    ]
    assert said["decision"].value == "refused"
    assert all(reason in str(said["reasons"].value) for reason in decision["reasons"])
    predicted = home.lake.read("title_predictions", columns=["model", "version"]).to_pylist()
    assert {(row["model"], row["version"]) for row in predicted} == {(champion.model, champion.version)}


def test_many_days_that_land_between_two_ticks_are_one_request(finished: SmallHome, tmp_path: Path) -> None:
    home = finished.copied_to(tmp_path / "home")
    days = [f"2025-06-{day:02}" for day in range(10, 25)]
    with _ticks(home) as ticks:
        for day in days:
            ticks.instance.report_runless_asset_event(dg.AssetMaterialization("online_store", partition=day))
        (request,) = ticks.tick(retrain_on_new_partitions)
        assert request.tags["trending/new_partitions"] == ",".join(days)
        assert ticks.tick(retrain_on_new_partitions) == []

        for day in [*days[:3], days[5]]:
            ticks.instance.report_runless_asset_event(dg.AssetMaterialization("titles", partition=day))
        requests = ticks.tick(features_on_landing)
        spans = [
            (
                request.partition_key or request.tags["dagster/asset_partition_range_start"],
                request.partition_key or request.tags["dagster/asset_partition_range_end"],
            )
            for request in requests
        ]
        assert spans == [(days[0], days[2]), (days[5], days[5])]
        assert ticks.tick(features_on_landing) == []


def test_no_second_retraining_is_requested_while_one_is_under_way(finished: SmallHome, tmp_path: Path) -> None:
    home = finished.copied_to(tmp_path / "home")
    with _ticks(home) as ticks:
        job = home.definitions.resolve_job_def("retrain")
        run = ticks.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        ticks.instance.report_runless_asset_event(dg.AssetMaterialization("online_store", partition=NEW_DAY))
        assert ticks.tick(retrain_on_new_partitions) == []
        ticks.instance.report_run_failed(run)
        (request,) = ticks.tick(retrain_on_new_partitions)
        assert request.tags["trending/new_partitions"] == NEW_DAY


def test_rolling_back_makes_the_previous_champion_serve_again(finished: SmallHome, tmp_path: Path) -> None:
    home = finished.copied_to(tmp_path / "home")
    registry, first = home.registry, finished.registry.aliases()["champion"]
    other = next(ref for ref in _versions(home) if ref != str(first) and "keyword" not in ref)
    registry.promote(type(first).parse(other))
    assert home.run("rollback")
    assert registry.aliases()["champion"] == first
    assert str(registry.aliases()["previous"]) == other
    decision = registry.decisions()[-1]
    assert (decision["candidate"], decision["champion_before"]) == (str(first), other)
    assert decision["reasons"] == ["rolled back by a person"]
    card = Home(home.folder).reports / "model_cards" / first.model / f"{first.version}.md"
    assert "rolled back by a person" in card.read_text()


def test_what_passed_the_gate_can_be_made_to_wait_for_a_person(finished: SmallHome, tmp_path: Path) -> None:
    home = finished.copied_to(tmp_path / "home")
    # As before any model was promoted.
    (Home(home.folder).registry / "aliases.json").unlink()
    for decision in (Home(home.folder).registry / "decisions").iterdir():
        decision.unlink()
    cautious = SmallHome(home.folder, others={"gate": GateResource(require_approval=True)})
    cautious.run("retrain", selection=["genre_champion"])
    (waiting,) = home.registry.decisions()
    assert (waiting["promoted"], waiting["reasons"]) == (False, [APPROVAL])
    assert home.registry.aliases() == {"challenger": finished.registry.aliases()["champion"]}

    home.registry.promote_by_hand(home.registry.aliases()["challenger"])
    assert home.registry.aliases() == {"champion": finished.registry.aliases()["champion"]}
    assert home.registry.decisions()[-1]["reasons"] == ["promoted by a person"]


def test_a_champion_that_can_be_asked_no_more_is_not_replaced_without_a_person(
    finished: SmallHome, tmp_path: Path
) -> None:
    home = finished.copied_to(tmp_path / "home")
    champion, candidate = home.registry.aliases()["champion"], finished.registry.aliases()["champion"]
    # As other code wrote it: registered with files that this code cannot put together.
    fields = home.registry.manifest(champion).model_dump(exclude={"model", "version", "files"})
    broken = ModelRef("genre_logreg", "20200101-other")
    home.registry.register(broken, fields, lambda folder: [(folder / "model.json").write_text("{}")])
    home.registry.promote(broken)
    home.run("retrain", selection=["genre_champion"])

    decision = home.registry.decisions()[-1]
    assert (decision["candidate"], decision["champion_before"]) == (str(candidate), str(broken))
    assert decision["promoted"] is False
    (reason,) = decision["reasons"]
    assert "The champion can be asked no more" in reason
    assert home.registry.aliases() == {"champion": broken, "previous": champion, "challenger": candidate}

    home.registry.promote_by_hand(candidate)
    assert home.registry.aliases()["champion"] == candidate


def test_rolling_back_without_a_previous_champion_fails_and_says_so(finished: SmallHome, tmp_path: Path) -> None:
    home = finished.copied_to(tmp_path / "home")
    with pytest.raises(RuntimeError, match="no previous champion is known"):
        home.run("rollback")
    assert home.registry.aliases() == finished.registry.aliases()


def test_training_again_on_the_same_data_makes_no_new_version_and_no_new_decision(
    finished: SmallHome, tmp_path: Path
) -> None:
    home = finished.copied_to(tmp_path / "home")
    home.run("retrain")
    assert _versions(home) == _versions(finished)
    assert json.dumps(home.registry.decisions()) == json.dumps(finished.registry.decisions())


def _versions(home: SmallHome) -> list[str]:
    return [f"{model}/{version}" for model in home.registry.models() for version in home.registry.versions(model)]
