"""What every process of Frontdesk shares: the brand, log lines, counters. Imports nothing else of the project."""
