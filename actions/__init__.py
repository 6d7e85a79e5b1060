"""Custom actions, one file a topic. Start the action server with `python -m actions`."""
