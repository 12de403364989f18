"""Tasks for language models: one module for each way to turn a game into prompts."""

from llm.tasks.task import Task as Task
from llm.tasks.verbalized import verbalize as verbalize
