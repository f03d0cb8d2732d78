"""The polite HTTP client: what may be asked, how often, how an answer is read, and how a crawl is resumed."""
