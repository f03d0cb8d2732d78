"""Group ``sources``: one external asset a source, with its data card. Nothing is computed here."""
