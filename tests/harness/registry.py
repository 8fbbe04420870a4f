"""Debian's docker-registry, with or without a password. Docker speaks plain HTTP to 127.0.0.1."""
import crypt
import os
import shutil
import subprocess
import urllib.error
import urllib.request

from .docker import DOCKER
from .program import eventually
from .samples import free_port

PROGRAM = "/usr/bin/docker-registry"


class Registry:
    def __init__(self, directory, user=None, password=None):
        self.directory = str(directory)
        self.user, self.password = user, password
        self.port = free_port()
        self.host = "127.0.0.1:%d" % self.port
        self.data = os.path.join(self.directory, "registry")
        self.process = None

    def start(self):
        os.makedirs(self.directory, exist_ok=True)
        config = ["version: 0.1", "log: {level: warn}", "storage: {filesystem: {rootdirectory: %s}}" % self.data,
                  "http: {addr: %s}" % self.host]
        if self.user:
            secrets = os.path.join(self.directory, "htpasswd")
            with open(secrets, "w") as file:
                file.write("%s:%s\n" % (self.user, crypt.crypt(self.password, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))))
            config.append("auth: {htpasswd: {realm: test, path: %s}}" % secrets)
        path = os.path.join(self.directory, "config.yml")
        with open(path, "w") as file:
            file.write("\n".join(config) + "\n")
        with open(os.path.join(self.directory, "registry.log"), "ab") as log:
            self.process = subprocess.Popen([PROGRAM, "serve", path], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        eventually(self.answers, 30, "the registry answers; log in " + self.directory)
        return self

    def answers(self):
        try:
            urllib.request.urlopen("http://%s/v2/" % self.host, timeout=5).close()
            return True
        except urllib.error.HTTPError as err:
            return err.code == 401
        except OSError:
            return False

    def push(self, docker, image, name):
        """Gives a local image a name here, pushes it, takes the name away again; the name and the digest."""
        name = "%s/%s" % (self.host, name)
        config = os.path.join(self.directory, "docker")
        os.makedirs(config, exist_ok=True)
        run = [DOCKER, "--config", config, "-H", docker.host]
        if self.user:
            subprocess.run(run + ["login", "-u", self.user, "--password-stdin", self.host], input=self.password, text=True,
                           check=True, capture_output=True, timeout=60)
        docker.run("tag", image, name)
        said = subprocess.run(run + ["push", name], check=True, capture_output=True, text=True, timeout=120).stdout
        docker.run("rmi", name)
        return name, said.split("digest: ")[1].split()[0]

    def push_over(self, docker, image, name):
        """Pushes an image under a name that this engine has already, and leaves that as it is."""
        before = docker.run("image", "inspect", "-f", "{{.Id}}", name)
        pushed = self.push(docker, image, name.split("/", 1)[1])
        docker.run("tag", before, name)
        return pushed

    def forget(self, name):
        """As if it had never been pushed: pulls are refused for good."""
        shutil.rmtree(os.path.join(self.data, "docker/registry/v2/repositories", name.split("/", 1)[1].split(":")[0]))

    def close(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
