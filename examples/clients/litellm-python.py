# A program as a model of LiteLLM, with its thoughts: pip install litellm, then python litellm-python.py "Why?"
import os
import sys

import litellm

base = os.environ.get("BASE_URL", "http://127.0.0.1:8000/v1")
question = sys.argv[1] if len(sys.argv) > 1 else "Why stream parallel branches?"
messages = [{"role": "user", "content": question}]
for chunk in litellm.completion("openai/parallel-composer", messages, api_base=base, api_key="none", stream=True):
    delta = chunk.choices[0].delta
    print(getattr(delta, "reasoning_content", None) or delta.content or "", end="", flush=True)
