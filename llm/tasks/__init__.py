"""What language models are asked: one module for every way to put a game into prompts."""

from llm.tasks.task import Task as Task
from llm.tasks.verbalized import verbalize as verbalize
