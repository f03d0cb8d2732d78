"""Feature services: the features a model names, under a version that never changes its meaning."""

from collections.abc import Sequence

from feast import FeatureService, FeatureView

from trending_assets.domain.genres.models import TEXT_EMBEDDING_SERVICE, TEXT_SERVICE


def feature_services(views: Sequence[FeatureView]) -> list[FeatureService]:
    """All feature services over the views."""
    by_name = {view.name: view for view in views}
    return [
        FeatureService(
            name=TEXT_SERVICE,
            features=[by_name["title_text"]],
            description="For genre models that read the text alone.",
        ),
        FeatureService(
            name=TEXT_EMBEDDING_SERVICE,
            features=[by_name["title_text"], by_name["title_embedding"], by_name["title_tfidf__v1"]],
            description="For genre models that read the text, its embedding and its reduced TF-IDF.",
        ),
        FeatureService(
            name="genre_training_v5",
            features=[
                by_name["title_text"],
                by_name["title_embedding"],
                by_name["title_tfidf__v1"],
                by_name["title_masked"],
                by_name["title_tfidf_masked__v1"],
            ],
            description="What genre models are trained from and judged by; offline only.",
        ),
    ]
