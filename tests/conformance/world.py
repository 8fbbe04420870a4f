"""A server, an engine and one agent, the official one or ours, in a network namespace of their own.

The engine is in the namespace too: its bridge, the host's ports and the agent's fixed address 169.254.170.2 are then
those of the namespace, the same for both agents whatever else this machine does."""
import glob
import os
import shutil
import subprocess
import tempfile
import threading

from harness.docker import PrivateDocker
from harness.events import Reader
from harness.images import image
from harness.official import Namespace, OfficialAgent, ip
from harness.program import Agent, Server, connected, eventually

CLUSTER = "conformance"
IMAGE = "conformance:1"
PAUSE = "amazon/amazon-ecs-pause:0.1.0"
SPECIAL = "conformance:special"  # with all that an image can say
APPLETS = ("cat", "env", "false", "hostname", "httpd", "id", "ls", "nc", "sort", "test", "touch", "true", "dd", "date", "grep", "usleep")

# What the containers of most cases run: it ends at once when it is asked to.
HOLD = """#!/bin/sh
trap 'exit 0' TERM
sleep 100000 &
wait
"""

# What a container finds, for the comparison: one block for each thing. The arguments are paths of the
# metadata; statistics are there once two samples are.
LOOK = """#!/bin/sh
echo "== env"
env
for path; do
    case $path in
    v3*) address=$ECS_CONTAINER_METADATA_URI${path#v3} ;;
    v4*) address=$ECS_CONTAINER_METADATA_URI_V4${path#v4} ;;
    esac
    case $path in
    *stats) until wget -q -O - "$ECS_CONTAINER_METADATA_URI_V4/stats" | grep -q rx_bytes_per_sec; do usleep 200000; done ;;
    esac
    echo "== $path"
    wget -q -O - "$address" 2>&1
    echo
done
"""

# What both are told, so that they are on the same terms.
SETTINGS = {
    "ECS_EXTERNAL": "true", "ECS_IMAGE_PULL_BEHAVIOR": "prefer-cached", "ECS_CONTAINER_STOP_TIMEOUT": "5s",
    "ECS_AVAILABLE_LOGGING_DRIVERS": '["json-file","awslogs","fluentd","gelf","journald","splunk","syslog","none","awsfirelens"]',
    "ECS_INSTANCE_ATTRIBUTES": '{"rack": "r1"}', "ECS_CONTAINER_INSTANCE_TAGS": '{"shelf": "top"}',
    "ECS_APPARMOR_CAPABLE": "true", "ECS_SELINUX_CAPABLE": "true", "ECS_ENABLE_TASK_IAM_ROLE": "true",
    "ECS_ENABLE_TASK_IAM_ROLE_NETWORK_HOST": "true", "ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE": "true",
    "ECS_ENABLE_TASK_CPU_MEM_LIMIT": "true", "ECS_TASK_METADATA_RPS_LIMIT": "1000,1000", "ECS_LOGLEVEL": "debug",
}


class World:
    def __init__(self, agent):
        self.kind = agent  # "official" or "berth"
        self.parts = []
        self.tasks, self.changed = {}, threading.Condition()

    def start(self, images):
        """With `images`, other names of the image that holds."""
        try:
            self._start(images)
        except BaseException:
            self.close()
            raise
        return self

    def _start(self, aliases):
        self.directory = tempfile.mkdtemp(prefix="berth-conformance-")
        self.parts.append(lambda: shutil.rmtree(self.directory, ignore_errors=True))
        self.namespace = Namespace().open()
        self.parts.append(self.namespace.close)
        self.enter = ["nsenter", "--net=/var/run/netns/" + self.namespace.name]
        # All the world is away, and that is told at once; the packets for the agent's address need a route to be looked at.
        for route in ("unreachable default", "169.254.170.2 via " + self.namespace.here):
            ip("-n", self.namespace.name, "route", "add", *route.split())
        self.docker = PrivateDocker(self.directory + "/docker", enter=self.enter, options=["--add-runtime", "nvidia=/usr/sbin/runc"])
        os.mkdir(self.docker.directory)
        self.parts += [self._remove_cgroups, self.docker.close]
        self.docker.start()
        os.mkdir(self.directory + "/data-of-host")
        self._make_images(aliases)
        self.server = Server(self.directory, listen=self.namespace.here + ":0").start()
        self.parts.append(self.server.close)
        self.key = self.server.create_key()
        self.ecs = self.server.client(self.key, max_pool_connections=32)
        self.ecs.create_cluster(clusterName=CLUSTER)
        # What was recorded is what Docker does by itself; the account's default has a test of its own (tests/e2e/test_logs.py).
        self.ecs.put_account_setting_default(name="defaultLogDriverMode", value="blocking")
        self._follow()
        self.agent = self._start_agent()
        self.parts.append(self.agent.kill if self.kind == "official" else self.agent.close)
        self.instance, = eventually(lambda: connected(self.ecs, CLUSTER), 60, "the agent connects; log " + self.agent.log)

    def _make_images(self, aliases):
        image(self.docker, IMAGE, HOLD, files={"/bin/look": LOOK}, applets=APPLETS)
        image(self.docker, SPECIAL, HOLD, files={"/bin/look": LOOK}, applets=APPLETS, changes=(
            "ENV FROM=image", "ENV KEPT=yes", "USER 7", "WORKDIR /tmp", "VOLUME /data", "EXPOSE 81/udp", "LABEL of=image",
            'ENTRYPOINT ["/bin/sh", "/bin/start"]', 'CMD ["first", "second"]', "HEALTHCHECK --interval=3s CMD true"))
        for name in aliases:
            self.docker.run("tag", IMAGE, name)
        if self.kind == "official":  # ours brings its own
            image(self.docker, PAUSE, HOLD, files={"/pause": HOLD}, changes=('CMD ["/pause"]',))

    def _start_agent(self):
        key = self.server.create_key(agentCluster=CLUSTER)
        settings = dict(SETTINGS, ECS_HOST_DATA_DIR=self.directory + "/host", ECS_DATADIR=self.directory + "/host/data")
        os.makedirs(settings["ECS_DATADIR"])
        if self.kind == "official":
            self._plumb()
            agent = OfficialAgent(self.directory, self.namespace, self.server.url, key, self.docker.host, CLUSTER, env=settings)
            agent.args = [*self.enter, agent.args[-1]]  # `ip netns exec` would hide the cgroups
        else:
            settings["BERTH_TASK_ENDPOINT"] = "169.254.170.2:80"
            agent = Agent(self.directory, self.server.url, key, self.docker.host, CLUSTER, env=settings, introspection="127.0.0.1:51678")
            agent.args = [*self.enter, *(settings["ECS_DATADIR"] if one == agent.data else one for one in agent.args)]
        agent.data = settings["ECS_DATADIR"]
        return agent.start()

    def _plumb(self):
        """What a host of the official agent has beside it (AG-005)."""
        for rule in ("-A PREROUTING -p tcp -d 169.254.170.2 --dport 80 -j DNAT --to-destination 127.0.0.1:51679",
                     "-A OUTPUT -p tcp -d 169.254.170.2 --dport 80 -j REDIRECT --to-ports 51679"):
            subprocess.run([*self.enter, "iptables", "-t", "nat", *rule.split()], check=True)
        subprocess.run([*self.enter, "sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1"], check=True)

    # ---- the events, by task ----

    def _follow(self):
        self.reader = Reader(self.server.url, self.key, timeout=None, cluster=CLUSTER, detail_type="ECS Task State Change")
        thread = threading.Thread(target=self._read, daemon=True)
        thread.start()
        self.parts.append(thread.join)
        self.parts.append(self.reader.cut)

    def _read(self):
        while True:
            try:
                _, event = self.reader.next()
            except (EOFError, OSError):
                return
            with self.changed:
                self.tasks.setdefault(event["detail"]["taskArn"], []).append(event["detail"])
                self.changed.notify_all()

    @property
    def ended(self):
        """How many tasks have ended so far."""
        with self.changed:
            return sum(1 for events in self.tasks.values() if events[-1]["lastStatus"] == "STOPPED")

    def wait_for_an_end(self, before, timeout=120):
        """Until more than `before` tasks have ended."""
        with self.changed:
            return self.changed.wait_for(lambda: self.ended > before, timeout)

    def wait(self, arn, check, timeout=90):
        """The first event of the task that satisfies `check`; None if none does in time."""
        with self.changed:
            return self.changed.wait_for(lambda: next((one for one in self.tasks.get(arn, ()) if check(one)), None), timeout)

    def _remove_cgroups(self):
        """Agents do it some hours after the task; ours and the engine are gone before."""
        for arn in self.tasks:
            name = arn.rsplit("/", 1)[-1]
            for path in glob.glob("/sys/fs/cgroup/*/ecs/" + name) + glob.glob("/sys/fs/cgroup/ecs/" + name):
                for folder, _, _ in os.walk(path, topdown=False):
                    os.rmdir(folder)

    def close(self):
        failed = None
        while self.parts:
            try:
                self.parts.pop()()
            except BaseException as err:  # the other parts are ended all the same
                failed = failed or err
        if failed:
            raise failed
