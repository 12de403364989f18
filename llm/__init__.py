"""The same questions answered with language models: tasks, judges, learners, evaluation."""
