"""One module a resource of the API. A route checks its input, asks the state, and shapes the answer."""
