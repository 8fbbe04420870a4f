"""Debian's awscli, imported once: each command is a fork of a process that has it ready. Starting /usr/bin/aws takes five times as
long as what a test asks of it."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback


class Cli:
    """The process that forks. It has awscli's own botocore, which is not the one of boto3."""

    def __init__(self):
        self.process = None

    def run(self, args, env, timeout=120):
        """(exit code, output, what it complained of) of `aws ARGS`; `env` is all of its environment."""
        if self.process is None:
            self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")})
        self.process.stdin.write(json.dumps({"args": list(args), "env": env, "timeout": timeout}).encode() + b"\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["code"], answer["out"], answer["err"]

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait(20)
            self.process.stdout.close()


def command(create_clidriver, request, out, err):
    """In the fork."""
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    data = os.environ["AWS_DATA_PATH"]  # awscli's own doing, when it was imported
    os.environ.clear()
    os.environ.update(request["env"], AWS_DATA_PATH=data)
    signal.alarm(request["timeout"])
    code = 255
    try:
        code = create_clidriver().main(request["args"])
    except SystemExit as left:
        code = left.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)


def main():
    from awscli.clidriver import create_clidriver
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            child = os.fork()
            if not child:
                command(create_clidriver, json.loads(line), out, err)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            out.seek(0)
            err.seek(0)
            json.dump({"code": code, "out": out.read(), "err": err.read()}, answers)
        answers.write("\n")
        answers.flush()


if __name__ == "__main__":
    main()
