"""A case, run: what became of it, with what differs from run to run (ids, times, addresses, chosen ports) named, not told."""
import json
import os
import re

from harness.program import ECS_TARGET, ApiError, call

from .world import CLUSTER

UNORDERED = ("Ports", "Volumes", "Links", "networkBindings")  # they come out of Docker's maps
ROOM = ("RESOURCE:CPU", "RESOURCE:MEMORY", "RESOURCE:PORTS")
NEVER = "0001-01-01T00:00:00Z"
TASK_LABEL, NAME_LABEL = "com.amazonaws.ecs.task-arn", "com.amazonaws.ecs.container-name"

# Docker's own places and counters say nothing of what was asked for. What is told of the end is taken at the end.
DOCKERS_OWN = ("Id", "Created", "ResolvConfPath", "HostnamePath", "HostsPath", "LogPath", "GraphDriver", "Driver", "Platform", "ExecIDs",
               "ProcessLabel", "MountLabel", "State", "Image", "NetworkSettings", "RestartCount")


class Names:
    """Replaces what is particular to one run."""

    PATTERNS = (
        (re.compile(r"\b(ecs-[A-Za-z0-9<>-]+?)-[0-9a-f]{18,32}\b"), r"\1-<random>"),
        (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"), lambda m: NEVER if m[0] == NEVER else "<time>"),
        (re.compile(r" on \S+:53: (dial|read) udp \S+ \w[\w /]+"), " on <no resolver>"),
        (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uuid>"),
        (re.compile(r"\b[0-9a-f]{64}\b"), "<64 hex>"),
        (re.compile(r"\b[0-9a-f]{32}(-\d+)?\b"), "<32 hex>"),
        (re.compile(r"\b172\.17\.0\.\d+\b"), "<address>"),
        (re.compile(r"\b02:42:ac:11:[0-9a-f:]+\b"), "<mac>"),
    )

    def __init__(self, definition):
        self.exact = []
        self.ports = {str(p["hostPort"]) for c in definition["containerDefinitions"] for p in c.get("portMappings") or () if p.get("hostPort")}

    def add(self, value, name):
        if value:
            self.exact.append((value, "<%s>" % name))
            self.exact.sort(key=lambda pair: -len(pair[0]))

    def text(self, value):
        for one, name in self.exact:
            value = value.replace(one, name)
        for pattern, name in self.PATTERNS:
            value = pattern.sub(name, value)
        return value

    def all(self, value, key=""):
        if isinstance(value, dict):
            return {self.text(k): self.all(v, k) for k, v in value.items()}
        if isinstance(value, list):
            made = [self.all(v) for v in value]
            return sorted(made, key=json.dumps) if key in UNORDERED else made
        if key.lower() in ("hostport", "hostportrange") and str(value) not in self.ports | {"", "0"}:
            return "<port>"
        if key.endswith("At") and isinstance(value, float):
            return "<time>"
        return self.text(value) if isinstance(value, str) else value


class Run:
    """One case in one world. `of()` is all there is to say about it."""

    def __init__(self, world, case):
        self.world, self.case = world, case
        self.family = "case-" + case["name"]
        self.definition = json.loads(json.dumps(case["definition"]).replace("<directory>", world.directory))
        self.names = Names(self.definition)
        self.names.add(self.family, "family")

    def ask(self, operation, **body):
        return call(self.world.server.url, self.world.key, ECS_TARGET + "." + operation, body, timeout=60)

    def docker(self, *args, **kwargs):
        return self.world.docker.run(*args, **kwargs)

    def of(self):
        for volume in self.case.get("host", {}).get("volumes", ()):
            self.docker("volume", "create", volume)
        try:
            self.ask("RegisterTaskDefinition", **dict(self.definition, family=self.family))
        except ApiError as err:
            return {"outcome": "not registered", "error": self.names.text(str(err))}
        words = {"cluster": CLUSTER, "taskDefinition": self.family, "launchType": "EXTERNAL", **self.case.get("run", {})}
        try:
            answer = self._when_there_is_room(words)
        except ApiError as err:
            return {"outcome": "not run", "error": self.names.text(str(err))}
        if not answer["tasks"]:
            return {"outcome": "not placed", "failures": self.names.all([one["reason"] for one in answer["failures"]])}
        self.arn = answer["tasks"][0]["taskArn"]
        self._name_things(answer["tasks"][0])
        try:
            return self._follow()
        except BaseException:
            self.ask("StopTask", cluster=CLUSTER, task=self.arn)  # what it holds is wanted by others
            raise

    def _when_there_is_room(self, words):
        """RunTask, again whenever another task has ended, as long as only cpu, memory or ports are short."""
        while True:
            ended = self.world.ended
            answer = self.ask("RunTask", **words)
            short = any(one["reason"] in ROOM for one in answer["failures"])
            if not short or not self.world.wait_for_an_end(ended):
                return answer

    def _name_things(self, task):
        names = self.names
        names.add(self.arn, "task arn")
        names.add(self.arn.rsplit("/", 1)[-1], "task id")
        names.add(self.world.instance, "instance arn")
        names.add(self.world.instance.rsplit("/", 1)[-1], "instance id")
        for one in task["containers"]:
            names.add(one["containerArn"], "container arn of " + one["name"])
        names.add(self.world.agent.data, "data")
        names.add(self.world.directory, "directory")

    def _follow(self):
        ends = self.case.get("ends", False)
        seen = {}
        status = "STOPPED" if ends else "RUNNING"
        reached = self.world.wait(self.arn, lambda one: one["lastStatus"] in (status, "STOPPED"))
        assert reached, "%s: neither %s nor STOPPED" % (self.family, status)
        seen["outcome"] = reached["lastStatus"]
        if seen["outcome"] == "RUNNING":
            self._wait_for_more()
        seen["containers"], seen["volumes"] = self._inspect()
        if seen["outcome"] == "RUNNING":
            seen["inside"] = self._inside()
            seen["running"] = self._described()
            self.ask("StopTask", cluster=CLUSTER, task=self.arn, reason="seen enough")
            assert self.world.wait(self.arn, lambda one: one["lastStatus"] == "STOPPED"), self.family + ": it does not stop"
        seen["stopped"] = self._described()
        seen["ends"] = self._ends()
        seen["statuses"] = self._statuses()
        return seen

    def _wait_for_more(self):
        """Health that the case wants to see, and the end of containers that are to end by themselves."""
        health = self.case.get("health")
        if health:
            assert self.world.wait(self.arn, lambda one: one.get("healthStatus") == health), self.family + ": not " + health
        for name in self.case.get("exits", ()):
            self.docker("wait", self._ids()[name])

    def _ids(self):
        lines = self.docker("ps", "-a", "--no-trunc", "--filter", "name=^/ecs-%s-1-" % self.family, "--format", "{{.ID}} {{.Names}}")
        found = {}
        for line in lines.splitlines():
            ident, names = line.split()
            name = next(one for one in names.split(",") if "/" not in one)  # the others are those of links
            found[re.match(r"ecs-%s-1-(.+)-[0-9a-f]+$" % re.escape(self.family), name)[1]] = ident
        order = [one["name"].replace("_", "") for one in self.definition["containerDefinitions"]]
        return dict(sorted(found.items(), key=lambda pair: (order.index(pair[0]) if pair[0] in order else 99, pair[0])))

    def _inspect(self):
        ids = self._ids()
        for name, ident in ids.items():
            self.names.add(ident, "id of " + name)
            self.names.add(ident[:12], "short id of " + name)
        found = json.loads(self.docker("inspect", *ids.values())) if ids else []
        containers, volumes = {}, set()
        for name, one in zip(ids, found):
            volumes |= {mount["Name"] for mount in one["Mounts"] if mount.get("Name")}
            kept = {key: value for key, value in one.items() if key not in DOCKERS_OWN}
            kept["Mounts"] = {mount["Destination"]: mount for mount in one["Mounts"]}
            kept["Files"] = self._files_of_the_agent(one["Mounts"])
            kept["Config"]["Env"] = dict(sorted(entry.partition("=")[::2] for entry in one["Config"]["Env"] or ()))
            kept["Networks"] = {key: {"Links": net["Links"], "Aliases": net["Aliases"]}
                                for key, net in one["NetworkSettings"]["Networks"].items()}
            if one["State"]["Running"]:
                kept["Ports"] = {key: bound or [] for key, bound in one["NetworkSettings"]["Ports"].items()}
            containers[name] = self.names.all(kept)
        return containers, self._volumes(sorted(volumes))

    def _files_of_the_agent(self, mounts):
        """What it made for a container, line by line: the configuration of a log router."""
        found = {}
        for mount in mounts:
            if mount["Source"].startswith(self.world.agent.data) and os.path.isfile(mount["Source"]):
                with open(mount["Source"], encoding="utf-8") as file:
                    found[mount["Destination"]] = file.read().splitlines()
        return found

    def _volumes(self, volumes):
        found = json.loads(self.docker("volume", "inspect", *volumes)) if volumes else []
        dropped = ("CreatedAt", "Mountpoint")
        return {self.names.text(one["Name"]): self.names.all({k: v for k, v in one.items() if k not in dropped}) for one in found}

    def _inside(self):
        """By the first container, its metadata too; each of all the paths if the case names some."""
        seen = {}
        for name, ident in self._ids().items():
            paths = self.case.get("metadata", () if seen else ("v4/task",))
            text = self.docker("exec", ident, "/bin/look", *paths, check=False)
            blocks = dict(block.split("\n", 1) for block in text.split("== ")[1:])
            if blocks:
                seen[name] = {key: self.names.all(self._parsed(key, block)) for key, block in blocks.items()}
        return seen

    def _parsed(self, key, block):
        if key == "env":
            return dict(sorted(line.partition("=")[::2] for line in block.splitlines()))
        try:
            found = json.loads(block)
        except ValueError:
            return block.strip()
        if isinstance(found, dict) and "Containers" in found:
            found["Containers"] = {one["Name"]: one for one in found["Containers"]}
            for name in self.case.get("exits", ()):  # whether its address was seen is a matter of luck
                found["Containers"][name].pop("Networks", None)
        return shape(found) if "stats" in key else found

    def _described(self):
        task, = self.ask("DescribeTasks", cluster=CLUSTER, tasks=[self.arn], include=["TAGS"])["tasks"]
        task["containers"] = {one["name"]: one for one in task["containers"]}
        for name in self.case.get("exits", ()):  # when this is told differs
            del task["containers"][name]
        del task["version"]
        if self.case.get("ends"):
            task.pop("startedAt", None)  # as in _statuses()
        return self.names.all(task)

    def _ends(self):
        ids = self._ids()
        found = json.loads(self.docker("inspect", *ids.values())) if ids else []
        return {name: self.names.all({key: one["State"][key] for key in ("Status", "ExitCode", "OOMKilled", "Error")})
                for name, one in zip(ids, found)}

    def _statuses(self):
        """The way of the task, by its events. Whether one that ends at once is seen to run is a matter of luck."""
        steps = ["%s/%s" % (event["desiredStatus"], event["lastStatus"]) for event in self.world.tasks[self.arn]]
        return list(dict.fromkeys(step for step in steps if step != "RUNNING/RUNNING" or not self.case.get("ends")))


def shape(value):
    """Figures and names of devices are those of the moment."""
    if isinstance(value, dict):
        return {("<64 hex>" if re.fullmatch("[0-9a-f]{64}", key) else key): shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__
