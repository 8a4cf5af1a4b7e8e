"""One request per line of stdin, one answer per line of stdout, both JSON: `{"id", "do", ...}` and `{"id", "result"}` or
`{"id", "error"}`. Ends with stdin, so that a test that dies leaves no process. Values in the canonical text of values.py."""
import json
import os
import sys
import traceback


def serve(operations):
    # What a library or the JVM prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    answers.write('{"ready": true}\n')
    answers.flush()
    for line in sys.stdin:
        request = json.loads(line)
        answer = {"id": request.pop("id")}
        try:
            answer["result"] = operations[request.pop("do")](**request)
        except Exception as error:  # noqa: BLE001 the test decides what an error means
            said = str(error).split("\n\tat ")[0].strip()
            answer["error"] = f"{type(error).__name__}: {said}"
            answer["trace"] = traceback.format_exc()[-4000:]
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
