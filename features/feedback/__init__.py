"""What users say of answers: thumbs up or down on a question and its SQL, and their way into the training data."""
