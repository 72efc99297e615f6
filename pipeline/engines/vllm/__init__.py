"""vLLM: its server started, watched and asked over HTTP."""
