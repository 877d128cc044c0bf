"""Runs the real AWS CLI without loading it for each call, which takes several times as long as the call.

`aws-cli.py serve SOCKET COMMAND...` loads it by running one command, says "ready", and then runs each call in a fork of
itself, until it is ended. `aws-cli.py call SOCKET COMMAND...` is such a call: it has its caller's streams, folder and
environment, and ends with the command's exit code.
"""

import json
import os
import signal
import socket
import sys


def run(command):
    import awscli.clidriver

    sys.argv = ["aws", *command]
    try:
        return awscli.clidriver.main()
    except SystemExit as end:
        return end.code
    finally:
        sys.stdout.flush()


def keep_descriptions():
    """Every command reads the description of EC2 anew: megabytes of JSON, which nobody changes."""
    from botocore.loaders import JSONFileLoader

    load = JSONFileLoader.load_file
    loaded = {}

    def load_once(loader, path):
        if path not in loaded:
            loaded[path] = load(loader, path)
        return loaded[path]

    JSONFileLoader.load_file = load_once


def answer(connection):
    request, streams, _, _ = socket.recv_fds(connection, 1 << 20, 3)
    for stream, its in enumerate(streams):
        os.dup2(its, stream)
        os.close(its)
    command, folder, environment = json.loads(request)
    os.chdir(folder)
    # Where its data is, the CLI has told itself when it was loaded.
    data = os.environ["AWS_DATA_PATH"]
    os.environ.clear()
    os.environ.update(environment, AWS_DATA_PATH=data)
    connection.sendall(bytes([run(command)]))


def serve(path, command):
    keep_descriptions()
    run(command)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen(64)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        print("ready", flush=True)
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                return answer(connection)
            connection.close()


def call(path, command):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.connect(path)
        request = json.dumps([command, os.getcwd(), dict(os.environ)])
        socket.send_fds(connection, [request.encode()], [0, 1, 2])
        # Nothing comes if the command died of an error of its own, which it has printed.
        return (connection.recv(1) or b"\xff")[0]


role, path, *command = sys.argv[1:]
sys.exit({"serve": serve, "call": call}[role](path, command))
