"""How we touch the world: one file, one technology."""
