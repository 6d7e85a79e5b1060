"""What runs inside Rasa's process: featurizer, classifier, router, response generation, channels."""
