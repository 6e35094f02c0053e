#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0

"""Set options of a port in Open vSwitch's database.

    set-options.py DB-SOCKET PORT KEY=VALUE... [@FILE...]

@FILE is a file that holds a KEY=VALUE, which may be longer than an argument:
this is why ovs-vsctl will not do.  Returns when ovs-vswitchd has taken them,
and prints how many milliseconds that took.
"""

import json
import socket
import sys
import time


class Database:
    """A connection to ovsdb-server, RFC 7047."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.decoder = json.JSONDecoder()
        self.text = ""

    def receive(self):
        while True:
            try:
                message, end = self.decoder.raw_decode(self.text)
                self.text = self.text[end:]
                return message
            except ValueError:
                data = self.sock.recv(1 << 16)
                if not data:
                    sys.exit("set-options: ovsdb-server is gone")
                self.text += data.decode()

    def transact(self, *operations):
        request = {"method": "transact", "id": 0,
                   "params": ["Open_vSwitch", *operations]}
        self.sock.sendall(json.dumps(request).encode())
        while True:
            reply = self.receive()
            if reply.get("method") == "echo":
                continue
            if reply["error"] or any("error" in r for r in reply["result"]):
                sys.exit("set-options: %s" % json.dumps(reply))
            return reply["result"]


def read(word):
    if word.startswith("@"):
        with open(word[1:], encoding="ascii") as source:
            word = source.read().strip()
    return word.split("=", 1)


def main():
    db = Database(sys.argv[1])
    options = [read(word) for word in sys.argv[3:]]
    root = {"table": "Open_vSwitch", "where": []}
    start = time.monotonic()
    result = db.transact(
        {"op": "update", "table": "Interface",
         "where": [["name", "==", sys.argv[2]]],
         "row": {"options": ["map", options]}},
        {"op": "mutate", "mutations": [["next_cfg", "+=", 1]], **root},
        {"op": "select", "columns": ["next_cfg"], **root})
    if result[0]["count"] != 1:
        sys.exit("set-options: no interface '%s'" % sys.argv[2])
    wanted = result[2]["rows"][0]["next_cfg"]
    while db.transact({"op": "select", "columns": ["cur_cfg"], **root}
                      )[0]["rows"][0]["cur_cfg"] < wanted:
        time.sleep(0.01)
    print("%.0f" % ((time.monotonic() - start) * 1000))


main()
