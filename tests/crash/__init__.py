"""Deaths at every step, failing disks, power cuts and flipped bytes: what must survive them."""
