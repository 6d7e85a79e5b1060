"""The models behind the assistant: sentence encoder, and what generates and checks open answers."""
