"""When things happen: configuration, composition, the session and its loop."""
