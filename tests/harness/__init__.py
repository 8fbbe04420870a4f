"""What the tests that drive the built program share: starting it, signing, Docker, waiting."""
