"""A replay of dated catalogues with a surge, a drift and a spoilt catalogue planted in it."""
