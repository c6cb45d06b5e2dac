# A program as a model of OpenAI's SDK: pip install openai, then python openai-python.py "Why is the sky blue?"
import os
import sys

from openai import OpenAI

client = OpenAI(base_url=os.environ.get("BASE_URL", "http://127.0.0.1:8000/v1"), api_key="none")
question = sys.argv[1] if len(sys.argv) > 1 else "Why stream parallel branches?"
messages = [{"role": "user", "content": question}]
for chunk in client.chat.completions.create(model="parallel-composer", messages=messages, stream=True):
    print(chunk.choices[0].delta.content or "", end="", flush=True)
