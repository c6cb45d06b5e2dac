"""The Python clients of OpenAI's protocols, run against the service whose address comes with the texts on stdin.

The upstream behind the service answers the question "3" with the texts of case 3, and fails at the question "fail".
"""

import json
import os
import subprocess
import sys
import tempfile
from itertools import permutations

import litellm
import openai
from langchain_openai import ChatOpenAI

asked = json.load(sys.stdin)
URL, CASES, FAILURE = asked["url"] + "/v1", asked["cases"], asked["failure"]
MODEL = "parallel-composer"
FAIL = "fail"

litellm.suppress_debug_info = True
client = openai.OpenAI(base_url=URL, api_key="none")
langchain = ChatOpenAI(base_url=URL, api_key="none", model=MODEL, max_retries=0)
runs = {"ok": 0, "failed": 0, "left": 0}


def said(question):
    return [{"role": "user", "content": question}]


def titled(lanes):
    return [f"**{title}**\n\n{text}" for title, text in lanes if text]


def are_thoughts(thoughts, case):
    """Whether these are the lanes beside the answer. Which branch spoke first is up to the network."""
    branches = titled(
        [
            ("ideas.brainstorm: reasoning", case["reasoning"]),
            ("ideas.brainstorm: brainstorm", case["brainstorm"]),
            ("evidence.probe: reasoning", case["reasoning"]),
            ("evidence.probe: evidence", case["evidence"]),
        ]
    )
    last = titled([("compose: reasoning", case["reasoning"])])
    return any(thoughts == "\n\n".join([*first, *last]) for first in permutations(branches))


def summaries(case):
    return sorted(text for text in [case["brainstorm"], case["evidence"], *[case["reasoning"]] * 3] if text)


def openai_streamed(question):
    answer = thoughts = ""
    for chunk in client.chat.completions.create(model=MODEL, messages=said(question), stream=True):
        delta = chunk.choices[0].delta
        answer += delta.content or ""
        thoughts += getattr(delta, "reasoning_content", None) or ""
    return answer, thoughts


def openai_stream(question):
    options = {"include_usage": True}
    with client.chat.completions.stream(model=MODEL, messages=said(question), stream_options=options) as stream:
        completion = stream.get_final_completion()
    assert completion.usage.total_tokens == 138, completion.usage
    return completion.choices[0].message.content, None


def openai_whole(question):
    message = client.chat.completions.create(model=MODEL, messages=said(question)).choices[0].message
    return message.content, getattr(message, "reasoning_content", "")


def litellm_streamed(question):
    answer = thoughts = ""
    for chunk in litellm.completion(
        model=f"openai/{MODEL}", api_base=URL, api_key="none", messages=said(question), stream=True
    ):
        delta = chunk.choices[0].delta
        answer += delta.content or ""
        thoughts += getattr(delta, "reasoning_content", None) or ""
    return answer, thoughts


def langchain_streamed(question):
    return "".join(chunk.content for chunk in langchain.stream(question)), None


def responses_streamed(question):
    answer, lanes = "", {}
    for event in client.responses.create(model=MODEL, input=question, stream=True):
        if event.type == "response.output_text.delta":
            answer += event.delta
        if event.type == "response.reasoning_summary_text.delta":
            lanes[event.item_id] = lanes.get(event.item_id, "") + event.delta
    return answer, sorted(lanes.values())


def told_by(response):
    items = [item for item in response.output if item.type == "reasoning"]
    return response.output_text, sorted(part.text for item in items for part in item.summary)


def responses_stream(question):
    with client.responses.stream(model=MODEL, input=question) as stream:
        return told_by(stream.get_final_response())


def responses_whole(question):
    return told_by(client.responses.create(model=MODEL, input=question))


def check(read, count):
    for nth, case in enumerate(CASES[:count]):
        answer, rest = read(str(nth))
        runs["ok"] += 1
        answer.encode()  # no half of a character is left
        assert answer == case["answer"], (read.__name__, answer, case)
        if isinstance(rest, list):
            assert rest == summaries(case), (read.__name__, rest, case)
        elif rest is not None:
            assert are_thoughts(rest, case), (read.__name__, rest, case)
    print(f"{read.__name__}: {count} runs", flush=True)


def raised_by(read, *arguments):
    try:
        read(*arguments)
    except Exception as error:
        return error
    raise AssertionError(f"{read.__name__} took a failure for success")


def check_failures():
    for read in [openai_streamed, openai_stream, langchain_streamed]:
        error = raised_by(read, FAIL)
        assert isinstance(error, openai.APIError), repr(error)
        assert (error.message, error.code, error.type) == (FAILURE, "upstream_refused", "server_error"), repr(error)
    assert FAILURE in str(raised_by(litellm_streamed, FAIL))
    for read in [openai_whole, responses_whole]:
        error = raised_by(read, FAIL)
        assert isinstance(error, openai.APIStatusError), repr(error)
        assert (error.status_code, error.code) == (502, "upstream_refused"), repr(error)
    for event in client.responses.create(model=MODEL, input=FAIL, stream=True):
        last = event
    assert last.type == "response.failed" and last.response.error.message == FAILURE, last
    runs["failed"] += 7
    print("failures: raised", flush=True)


def check_refusals():
    def other_model():
        client.chat.completions.create(model="gpt-5", messages=said("Q"))

    error = raised_by(other_model)
    assert isinstance(error, openai.NotFoundError), repr(error)
    assert error.code == "model_not_found" and "/v1/models lists them" in error.message, repr(error)
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).owned_by == "tributary"
    print("refusals and models: as they should be", flush=True)


def check_leaving():
    stream = client.chat.completions.create(model=MODEL, messages=said("wait"), stream=True)
    next(iter(stream))
    stream.close()
    runs["left"] += 1


def check_llm():
    """The command line, with this service among its models."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "extra-openai-models.yaml"), "w") as models:
            models.write(f"- model_id: tributary\n  model_name: {MODEL}\n  api_base: {URL}\n  api_key_name: none\n")
        environment = {**os.environ, "LLM_USER_PATH": folder}

        def llm(question):
            command = [os.path.join(os.path.dirname(sys.executable), "llm"), "-m", "tributary", "--key", "none", question]
            return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8")

        done = llm("0")
        assert done.returncode == 0, done.stderr
        assert done.stdout.removesuffix("\n") == CASES[0]["answer"], done.stdout
        failed = llm(FAIL)
        assert failed.returncode == 1 and FAILURE in failed.stderr, failed
        runs["ok"] += 1
        runs["failed"] += 1
    print("llm: an answer, and a failure", flush=True)


for reader in [openai_streamed, openai_stream, openai_whole, responses_streamed, responses_stream, responses_whole]:
    check(reader, len(CASES))
check(litellm_streamed, len(CASES) // 2)
check(langchain_streamed, len(CASES) // 2)
check_failures()
check_refusals()
check_llm()
check_leaving()
print(json.dumps(runs))
