"""The repository's objects for the home in the environment, as stock Feast commands find them."""

from feature_repo.entities import title
from feature_repo.services import feature_services
from feature_repo.views import feature_views
from trending_assets.settings import Settings
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake

__all__ = [
    "genre_text_embedding_v5",
    "genre_text_v4",
    "genre_training_v5",
    "title",
    "title_activity",
    "title_embedding",
    "title_masked",
    "title_text",
    "title_tfidf",
    "title_tfidf_masked",
]

_views = feature_views(Lake(Home(Settings().home).lake))
title_text, title_embedding, title_tfidf, title_tfidf_masked, title_masked, title_activity = _views
genre_text_v4, genre_text_embedding_v5, genre_training_v5 = feature_services(_views)
