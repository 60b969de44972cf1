"""Settings: what a study may say, how it is checked, and where its schema comes from."""
