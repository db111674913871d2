"""One rank of one of mpi4py's test files: runs its tests, and writes a line to
its log as each begins and ends, so that a job that dies or hangs says where.

usage: mpi4py_rank.py FOLDER-OF-TESTS MODULE FOLDER-OF-LOGS
"""

import faulthandler
import json
import os
import pathlib
import sys
import unittest

# Spawned workers import this file, too, without its arguments; they find the tests by the
# environment.
if __name__ == "__main__":
    tests, module, logs = sys.argv[1:]
    sys.path[0] = tests
sys.dont_write_bytecode = True
sys.modules["cupy"] = sys.modules["numba"] = None
faulthandler.enable()

from mpi4py import MPI  # noqa: E402  (the lines above come first on purpose)

NOT_BUILT = "MPI_ERR_UNSUPPORTED_OPERATION"
if __name__ == "__main__":
    log = open(pathlib.Path(logs) / f"rank{MPI.COMM_WORLD.rank}.jsonl", "w", buffering=1)


def write(test, outcome, why=""):
    name = test if isinstance(test, str) else test.id()
    log.write(json.dumps({"test": name, "outcome": outcome, "why": why}) + "\n")


class Result(unittest.TestResult):
    def startTest(self, test):
        self.bad = None
        super().startTest(test)
        write(test, "begun")

    def trouble(self, test, error):
        why = self._exc_info_to_string(error, test).rstrip()
        if self.bad is None:
            self.bad = "unbuilt" if NOT_BUILT in why else "failed"
            write(test, self.bad, why)

    def addError(self, test, error):
        self.trouble(test, error)

    def addFailure(self, test, error):
        self.trouble(test, error)

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.trouble(test, error)

    def addSkip(self, test, reason):
        write(test, "skipped", reason)

    def addSuccess(self, test):
        if self.bad is None:
            write(test, "passed")

    def addExpectedFailure(self, test, error):
        write(test, "passed")

    def addUnexpectedSuccess(self, test):
        write(test, "failed", "was expected to fail")


def flat(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flat(test)
        else:
            yield test


def main():
    os.chdir(tests)
    without = set(json.loads((pathlib.Path(logs) / "without.json").read_text()))
    try:
        suite = unittest.defaultTestLoader.loadTestsFromName(module)
    except Exception as error:  # what the file does as it is loaded
        outcome = "unbuilt" if NOT_BUILT in str(error) else "failed"
        write(f"{module} (start)", outcome, str(error))
        sys.exit(1)
    wanted = unittest.TestSuite(test for test in flat(suite) if test.id() not in without)
    wanted.run(Result())
    write("(all)", "passed")


if __name__ == "__main__":
    main()
