#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Line coverage of the core by folder and file, from gcov's notes in a build folder.

usage: coverage.py BUILD-FOLDER LEAST-PERCENT FOLDER...   (folders of src/ that must reach it)
"""
import collections
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

build, least, wanted = pathlib.Path(sys.argv[1]).resolve(), float(sys.argv[2]), sys.argv[3:]
lines = collections.defaultdict(dict)  # file -> line -> times
functions = {}
with tempfile.TemporaryDirectory() as work:
    notes = sorted(map(str, build.glob("CMakeFiles/plum-core-objects.dir/**/*.gcda")))
    if not notes:
        sys.exit("no .gcda below " + str(build))
    subprocess.run(["gcov", "--json-format", *notes], cwd=work, check=True,
                   stdout=subprocess.DEVNULL)
    for found in pathlib.Path(work).glob("*.gcov.json.gz"):
        for file in json.loads(gzip.decompress(found.read_bytes()))["files"]:
            path = pathlib.Path(file["file"])
            if "src" not in path.parts or path.suffix != ".c":
                continue
            name = "/".join(path.parts[-2:])
            for line in file["lines"]:
                n = line["line_number"]
                lines[name][n] = lines[name].get(n, 0) + line["count"]
            for function in file["functions"]:
                key = (name, function["name"])
                functions[key] = functions.get(key, 0) + function["execution_count"]

def percent(names):
    counts = [count for name in names for count in lines[name].values()]
    return 100 * sum(c > 0 for c in counts) / len(counts), len(counts)

failed = False
for folder in sorted({name.split("/")[0] for name in lines}):
    names = sorted(name for name in lines if name.startswith(folder + "/"))
    share, total = percent(names)
    print(f"{share:6.1f} %  of {total:5} lines  {folder}")
    for name in names:
        share_of_one, total = percent([name])
        missed = sorted(n for n, c in lines[name].items() if c == 0)
        shown = " ".join(map(str, missed[:12])) + (" ..." if len(missed) > 12 else "")
        print(f"{share_of_one:9.1f} %  {total:5}  {name}  {shown}")
    if folder in wanted and share < least:
        print(f"          {folder} is below {least} %")
        failed = True
for (name, function), count in sorted(functions.items()):
    if count == 0 and name.split("/")[0] in ("text", "proto"):
        print(f"no test runs {function}() of {name}")
        failed = True
sys.exit(1 if failed else 0)
