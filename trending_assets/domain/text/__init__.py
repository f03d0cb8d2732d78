"""Text: cleaning, stateless features and the encoder."""
