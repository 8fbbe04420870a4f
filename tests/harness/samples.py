"""Task definitions that the tests run, small and quick to stop."""
import socket
import urllib.request

IMAGE = "berth-sample-web:1"


def free_port():
    """Of this host, for somebody who has to be told one."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def web(family="web", **container):
    return {
        "family": family, "networkMode": "bridge",
        "containerDefinitions": [dict({
            "name": "web", "image": IMAGE, "cpu": 16, "memory": 32, "essential": True,
            "portMappings": [{"containerPort": 80}], "linuxParameters": {"initProcessEnabled": True},
            "environment": [{"name": "GREETING", "value": "hello"}]}, **container)],
    }


def shell(script, family="shell", **container):
    """A container that runs a shell script; init makes TERM end it at once."""
    return {
        "family": family,
        "containerDefinitions": [dict({
            "name": "main", "image": IMAGE, "memory": 32, "essential": True, "command": ["/bin/sh", "-c", script],
            "linuxParameters": {"initProcessEnabled": True}}, **container)],
    }


def host_port(task, container="web", container_port=80):
    for one in task["containers"]:
        if one["name"] == container:
            for binding in one.get("networkBindings", []):
                if binding["containerPort"] == container_port:
                    return binding["hostPort"]
    return None


def get(port, path="/", timeout=3):
    with urllib.request.urlopen("http://127.0.0.1:%d%s" % (port, path), timeout=timeout) as answer:
        return answer.read().decode()
