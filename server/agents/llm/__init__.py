"""LLM agents: the session with a model, its tools, and its record. Imports no provider until an agent trades."""
