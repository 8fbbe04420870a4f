"""A plain TCP balancer, Debian's HAProxy, in front of a service's tasks, which it learns of from GET /events; and load on it."""
import http.client
import os
import socket
import subprocess
import threading

from .events import Reader
from .program import eventually
from .samples import host_port

SLOTS = 16

CONFIG = """
global
  stats socket {control} level admin
defaults
  mode tcp
  retries 0
  timeout connect 2s
  timeout client 20s
  timeout server 20s
frontend in
  bind fd@{listener}
  default_backend tasks
backend tasks
  balance roundrobin
  server-template task 1-{slots} 127.0.0.1:9 disabled
"""


class Balancer:
    """Has the tasks of a service that are healthy and shall run. A connection that fails is not tried elsewhere: whoever sends
    one to a task that does not take it has failed."""

    def __init__(self, directory, server, key, group):
        self.control = os.path.join(str(directory), "haproxy.sock")
        self.group = group
        self.slots = {}  # by task
        self.changed = threading.Condition()
        self.reader = Reader(server.url, key, timeout=60, detail_type="ECS Task State Change")
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = listener.getsockname()[1]
        config = os.path.join(str(directory), "haproxy.cfg")
        with open(config, "w") as file:
            file.write(CONFIG.format(control=self.control, listener=listener.fileno(), slots=SLOTS))
        with open(os.path.join(str(directory), "haproxy.log"), "wb") as log:
            self.process = subprocess.Popen(["/usr/sbin/haproxy", "-db", "-f", config], pass_fds=[listener.fileno()],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        listener.close()
        eventually(lambda: os.path.exists(self.control), 30, "haproxy runs; log in %s" % directory)
        self.follower = threading.Thread(target=self._follow, daemon=True)
        self.follower.start()

    def _tell(self, *commands):
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(30)
            control.connect(self.control)
            control.sendall("; ".join(commands).encode() + b"\n")
            control.shutdown(socket.SHUT_WR)
            while control.recv(4096):
                pass

    def _follow(self):
        try:
            while True:
                task = self.reader.next()[1]["detail"]
                if task["group"] == self.group:
                    self._take(task)
        except (EOFError, http.client.HTTPException):
            pass  # cut

    def _take(self, task):
        arn = task["taskArn"]
        serves = task["desiredStatus"] == "RUNNING" and task["lastStatus"] == "RUNNING" and task.get("healthStatus") == "HEALTHY"
        if serves == (arn in self.slots):
            return
        with self.changed:
            slot = self.slots.pop(arn, None)
            if serves:
                slot = self.slots[arn] = next(n for n in range(1, SLOTS + 1) if n not in self.slots.values())
                self._tell("set server tasks/task%d addr 127.0.0.1 port %d" % (slot, host_port(task)),
                           "set server tasks/task%d state ready" % slot)
            else:
                self._tell("set server tasks/task%d state maint" % slot)  # what is connected stays so
            self.changed.notify_all()

    def wait_for(self, tasks, timeout=60):
        """Until it has exactly these tasks."""
        with self.changed:
            assert self.changed.wait_for(lambda: set(self.slots) == set(tasks), timeout), "has %s, not %s" % (self.slots, tasks)

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self.reader.cut()
        self.follower.join(30)
        self.reader.close()


class Load:
    """Clients that ask through a balancer, each again as soon as it has been answered and a moment has passed."""

    def __init__(self, port, clients=(("/", 4), ("/slow", 4)), pause=0.02):
        self.port, self.pause = port, pause
        self.ending = threading.Event()
        self.failures, self.answers = [], {}
        self.threads = [threading.Thread(target=self._ask, args=(path,), daemon=True) for path, count in clients for _ in range(count)]
        for one in self.threads:
            one.start()

    def _ask(self, path):
        while not self.ending.wait(self.pause):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                connection.request("GET", path, headers={"Connection": "close"})
                answer = connection.getresponse()
                body = answer.read()  # IncompleteRead: less than was promised
                if answer.status != 200:
                    raise OSError(answer.status)
                word = body.decode().split("\n")[0]
                self.answers[path, word] = self.answers.get((path, word), 0) + 1  # a lost count matters to nobody
                connection.close()
            except (OSError, http.client.HTTPException) as err:
                self.failures.append("%s: %r" % (path, err))

    def asked(self):
        return sum(self.answers.values()) + len(self.failures)

    def close(self):
        self.ending.set()
        for one in self.threads:
            one.join(60)
