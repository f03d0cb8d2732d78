"""Group ``monitoring``: whether what arrives, and what is predicted, is still what the models were made for."""
