"""Says which of an example's mistakes a run has found: found.py MISTAKES RECORD FOLDER

A mistake has the checks that must turn red for it, and those that may turn red besides, since it breaks what they guard as
well. Ends with 1 when a check that must be red is not, when one is red that no mistake explains, or when one could not tell.
"""

import json
import pathlib
import sys


def main(mistakes, record, folder):
    mistakes = json.loads(pathlib.Path(mistakes).read_text())
    results = {result["id"]: result for result in json.loads(pathlib.Path(record).read_text())["results"]}
    good = True
    for mistake in mistakes:
        red = [check for check in mistake["checks"] if results[check]["verdict"] == "fail"]
        good &= red == mistake["checks"]
        print(f"{'found  ' if red == mistake['checks'] else 'MISSED '} {place(folder, mistake)}: {mistake['mistake']}")
        for check in mistake["checks"]:
            findings = results[check].get("findings", [])
            told = f"{findings[0]['subject']}: {findings[0]['observed']}" if findings else results[check]["verdict"]
            print(f"        {check}: {told}")
        also = [check for check in mistake.get("also", []) if results[check]["verdict"] == "fail"]
        if also:
            print(f"        and with it {', '.join(also)}")
    explained = {check for mistake in mistakes for check in mistake["checks"] + mistake.get("also", [])}
    verdicts = [result["verdict"] for result in results.values()]
    for id, result in results.items():
        if result["verdict"] in ("fail", "unverified") and id not in explained:
            good = False
            print(f"BESIDES {id}: {result['verdict']}")
    count = {verdict: verdicts.count(verdict) for verdict in ("pass", "fail", "unverified", "skipped")}
    print(", ".join(f"{number} {verdict}" for verdict, number in count.items()))
    return 0 if good else 1


def place(folder, mistake):
    """The file and the line, looked for by a text that stands only there."""
    lines = (pathlib.Path(folder) / mistake["file"]).read_text().splitlines()
    found = [number for number, line in enumerate(lines, 1) if mistake["line"] in line]
    if len(found) != 1:
        sys.exit(f"{mistake['file']}: {len(found)} lines hold `{mistake['line']}`")
    return f"{mistake['file']}:{found[0]}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
