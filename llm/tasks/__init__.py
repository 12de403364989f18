"""What language models are asked: prompts, answers and the game that they mirror."""
