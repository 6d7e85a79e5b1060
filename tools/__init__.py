"""What sets up, trains, runs and checks the project. The Makefile calls these modules, nothing else does."""
