"""Proxies: one for TCP to one server that can lose answers (the request arrives, the connection breaks), and one for HTTP."""
import contextlib
import selectors
import socket
import threading


class Proxy:
    """`lose` of the next connections that send something are cut: after the server has answered ("answered": it has done what was
    asked), or as soon as the request is on its way ("sent": nobody knows)."""

    def __init__(self, url):
        host, port = url.split("://")[1].rsplit(":", 1)
        self.target = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.to_lose, self.lost = [], 0
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def lose(self, *when):
        with self.lock:
            self.to_lose += when

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, contextlib.suppress(OSError), socket.create_connection(self.target, timeout=30) as server:
            cut = None
            with selectors.DefaultSelector() as selector:
                selector.register(client, selectors.EVENT_READ)
                selector.register(server, selectors.EVENT_READ)
                while True:
                    for key, _ in selector.select(60):
                        data = key.fileobj.recv(65536)
                        if not data:
                            return
                        if key.fileobj is client:
                            with self.lock:
                                cut = cut or (self.to_lose.pop(0) if self.to_lose else None)
                            server.sendall(data)
                            if cut == "sent" and data.endswith(b"}"):
                                self.lost += 1
                                return
                        elif cut == "answered":
                            self.lost += 1
                            return
                        else:
                            client.sendall(data)

    def close(self):
        self.listener.close()


class HttpProxy:
    """What people put into HTTP_PROXY: CONNECT, and requests with a whole URL. Only it knows that the host `name` is this one."""

    def __init__(self, name):
        self.name = name
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.seen = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, contextlib.suppress(OSError, ValueError):
            head = b""
            while b"\r\n\r\n" not in head:
                data = client.recv(65536)
                if not data:
                    return
                head += data
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            where = target if method == "CONNECT" else target.split("://", 1)[1].split("/", 1)[0]
            host, port = where.rsplit(":", 1)
            self.seen.append((method, host))
            with socket.create_connection(("127.0.0.1" if host == self.name else host, int(port)), timeout=30) as server:
                if method == "CONNECT":
                    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                    server.sendall(head.split(b"\r\n\r\n", 1)[1])
                else:
                    path = target.split("://", 1)[1].partition("/")[2]
                    server.sendall(head.replace(target.encode(), b"/" + path.encode(), 1))
                self._carry(client, server)

    @staticmethod
    def _carry(client, server):
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in selector.select(120):
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    key.data.sendall(data)

    def close(self):
        self.listener.close()
