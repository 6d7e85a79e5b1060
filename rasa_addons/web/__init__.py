"""What the web channel is made of: settings, sessions, limits, turns, history, and calls to the action server."""
