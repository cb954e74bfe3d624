"""A server with the messages of OpenEnv's, for the tests: standard library only.

The first part of the path chooses how it behaves: /good/ws, /drop/ws, ... It prints its port and
ends with its stdin.
"""

import base64
import hashlib
import json
import os
import random
import socket
import socketserver
import struct
import sys
import threading
import time

SCHEMA = {"action": {"type": "object", "required": ["message"],
                     "properties": {"message": {"type": "string"}}},
          "observation": {}, "state": {}}
places = threading.Semaphore(1)  # of /capacity
counts = {"open": 0, "closes": 0, "pongs": 0}


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.request.recv(1)
            if not byte:
                return
            head += byte
        lines = head.decode("latin-1").split("\r\n")
        self.path = lines[0].split(" ")[1]
        self.mode = self.path.split("/")[1]
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        key = [line.split(": ", 1)[1] for line in lines if line.lower().startswith("sec-websocket-key")]
        if "upgrade" not in headers:
            return self.http()
        if self.mode == "refuse":
            return self.reply_http(403, "no")
        if self.mode == "mute":
            return time.sleep(60)
        accept = hashlib.sha1(key[0].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        self.request.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                             b"Connection: Upgrade\r\nSec-WebSocket-Accept: "
                             + base64.b64encode(accept) + b"\r\n\r\n")
        counts["open"] += 1
        try:
            self.session()
        except ConnectionError:
            pass
        finally:
            counts["open"] -= 1

    def http(self):
        if self.path.endswith("/counts"):
            return self.reply_http(200, json.dumps(counts))
        if self.mode == "noschema":
            return self.reply_http(404, "{}")
        if self.mode == "hugebody":
            return self.reply_http(200, " " * (20 << 20))
        if self.mode == "mute":
            return time.sleep(60)
        if self.mode == "nohttp":
            return self.request.sendall(b"\x00\x01 what?\r\n\r\n")
        self.reply_http(200, json.dumps(SCHEMA))

    def reply_http(self, status, body):
        self.request.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n{body}"
                             .encode())

    def session(self):
        if self.mode == "capacity" and not places.acquire(blocking=False):
            self.send({"type": "error", "data": {"code": "CAPACITY_REACHED", "message": "full",
                                                 "active_sessions": 1, "max_sessions": 1}})
            return self.frame(8, struct.pack("!H", 1000))
        try:
            self.play()
        finally:
            if self.mode == "capacity":
                places.release()

    def play(self):
        number, steps = 0, 0
        while True:
            opcode, payload = self.read()
            if opcode == 8:
                counts["closes"] += 1
                return self.frame(8, payload[:2])
            if opcode == 10:
                counts["pongs"] += 1
            if opcode != 1:
                continue
            if self.mode == "echo":
                self.frame(1, payload)
                continue
            message = json.loads(payload)
            if message["type"] == "close":
                return self.frame(8, struct.pack("!H", 1000))
            if message["type"] == "reset":
                number, steps = random.Random(message["data"]["seed"]).randrange(10**6), 0
                if self.mode == "forgetful":
                    number = time.monotonic_ns()
                shown = "Say it." if self.mode == "same" else f"Say {number}."
                self.observe({"prompt": shown}, None, False)
            elif message["type"] == "state":
                self.send({"type": "state", "data": {"episode_id": "x", "step_count": steps}})
            elif message["type"] == "step":
                steps += 1
                if not self.misbehave(message):
                    self.step(message["data"], number, steps)
            else:
                self.send({"type": "error", "data": {"code": "UNKNOWN_TYPE", "message": "?"}})

    def step(self, action, number, steps):
        if set(action) - {"message", "metadata"} or not isinstance(action.get("message"), str):
            return self.send({"type": "error", "data": {
                "code": "VALIDATION_ERROR", "message": "Invalid message",
                "errors": [{"loc": ["message"], "msg": "Field required"}]}})
        if action["message"] == "raise":
            return self.send({"type": "error", "data": {"code": "EXECUTION_ERROR",
                                                        "message": "the dice fell"}})
        right = action["message"] == str(number)
        self.observe({"echoed": "no", "turn": steps}, 1.0 if right else 0.25, right or steps == 3)

    def misbehave(self, message):
        if self.mode == "drop":
            self.request.shutdown(socket.SHUT_RDWR)
        elif self.mode == "hangup":
            self.frame(8, struct.pack("!H", 1011) + b"out of dice")
        elif self.mode == "slow":
            time.sleep(3)
        elif self.mode == "wrongjson":
            self.frame(1, b'{"type": "observation", "data": ')
        elif self.mode == "wrongtype":
            self.send({"type": "state", "data": {}})
        elif self.mode == "wrongshape":
            self.send({"type": "observation", "data": {"observation": {}, "done": "maybe"}})
        elif self.mode == "nan":
            self.frame(1, b'{"type":"observation","data":{"observation":{},"reward":NaN,"done":true}}')
        elif self.mode == "huge":
            self.request.sendall(struct.pack("!BBQ", 0x81, 127, 1 << 40))
        elif self.mode == "badframe":
            self.request.sendall(b"\xff" * 64)
        elif self.mode == "flood":
            for _ in range(1000):
                self.send({"type": "state", "data": {}})
        elif self.mode == "unscored":
            self.observe({}, None, True)
        elif self.mode == "ping":
            self.frame(9, b"there?")
            return False
        else:
            return False
        return True

    def observe(self, observation, reward, done):
        self.send({"type": "observation",
                   "data": {"observation": observation, "reward": reward, "done": done}})

    def send(self, thing):
        self.frame(1, json.dumps(thing).encode())

    def frame(self, opcode, payload):
        size = len(payload)
        head = (struct.pack("!BB", 0x80 | opcode, size) if size < 126 else
                struct.pack("!BBH", 0x80 | opcode, 126, size) if size < 1 << 16 else
                struct.pack("!BBQ", 0x80 | opcode, 127, size))
        self.request.sendall(head + payload)

    def exactly(self, size):
        data = b""
        while len(data) < size:
            chunk = self.request.recv(size - len(data))
            if not chunk:
                raise ConnectionError
            data += chunk
        return data

    def read(self):
        first, second = self.exactly(2)
        size = second & 0x7F
        if size == 126:
            size = struct.unpack("!H", self.exactly(2))[0]
        elif size == 127:
            size = struct.unpack("!Q", self.exactly(8))[0]
        mask, data = self.exactly(4), self.exactly(size)
        return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()
    os._exit(0)
