#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0

"""Let memory run out while the kernel module does something.

usage: kmod-faults.py STATE UNDO link add|set NAME [ATTR=VALUE...]
       kmod-faults.py STATE UNDO new|del|flush [create] [replace] [ATTR=VALUE...]
       kmod-faults.py STATE UNDO addr ADDRESS/LENGTH DEV
       kmod-faults.py STATE UNDO route PREFIX/LENGTH GATEWAY DEV
       kmod-faults.py STATE UNDO load MODULE-FILE
       kmod-faults.py STATE UNDO netns
       kmod-faults.py packets NETNS ADDRESS

Does it with the first of the kernel's allocations failing, then with the second,
and so on, until it is done and none has failed.  STATE and UNDO are commands with
";" between them.  What STATE prints, but for numbers that lines begin with, must be
as it was before if that has failed, and as it is without any fault if it has not,
at once or within a while.  Leaves it done, prints how often it failed, or what is
wrong, and exits with 1 then.

The kernel must be one that can fail allocations: /proc/self/fail-nth.  The first
two are as in ipo-netlink.py; 'netns' makes a network namespace, and leaves it.

The last sends packets to ADDRESS from the network namespace NETNS, while one in
twenty of what packets and small structures are made of cannot be had by anybody,
and another namespace goes that has a device.
"""

import ctypes
import errno
import ipaddress
import os
import re
import runpy
import shlex
import socket
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
netlink = runpy.run_path(os.path.join(HERE, "ipo-netlink.py"))
attribute = netlink["attribute"]
LIBC = ctypes.CDLL(None, use_errno=True)

TIMEOUT = 60
CLONE_NEWNET = 0x40000000
SYS_FINIT_MODULE = 313                  # On x86-64.
UNKNOWN = "unknown"


class Wrong(Exception):
    """The module has done something half, or nothing can be done."""


# --- Faults ----------------------------------------------------------------


class Faults:
    """While in it, an allocation of this thread's fails: the 'nth', or none if
    that is 0.  Afterwards 'hit' says whether it came to that."""

    def __init__(self, nth):
        """Do nothing yet."""
        self.nth = nth
        self.hit = False

    def __enter__(self):
        """Begin to count."""
        self.file = os.open("/proc/thread-self/fail-nth", os.O_RDWR)
        os.write(self.file, b"%d" % self.nth)
        return self

    def __exit__(self, *_):
        """Stop that."""
        left = int(os.pread(self.file, 32, 0))
        os.pwrite(self.file, b"0", 0)
        os.close(self.file)
        self.hit = self.nth > 0 and left == 0


# --- What is done ----------------------------------------------------------

# Functions of a number, which return an outcome, "ok" if it is done, and whether
# that allocation has failed.


class FailingNetlink(netlink["Netlink"]):
    """A socket whose next request needs the 'nth' allocation, and fails."""

    nth = 0

    def send(self, kind, flags, payload):
        """Send a request, which the kernel sees to meanwhile."""
        faults = Faults(self.nth)
        try:
            with faults:
                super().send(kind, flags, payload)
        finally:
            self.hit = faults.hit

    def outcome(self, nth, kind, flags, payload):
        """Send a request.  Without memory, there may be no answer."""
        self.nth = nth
        try:
            return self.ask(kind, flags, payload)[1], self.hit
        except OSError as error:
            if error.errno not in (errno.ENOBUFS, errno.ENOMEM):
                raise
            return UNKNOWN, self.hit


class Listener:
    """Somebody who is told of changes of peers."""

    def __init__(self):
        """Begin to listen."""
        self.netlink = netlink["Netlink"](16)
        groups = netlink["parse"](self.netlink.family_attributes()[7])
        group = netlink["parse"](groups[1])[2]
        self.netlink.sock.setsockopt(270, 1, group)     # NETLINK_ADD_MEMBERSHIP

    def was_told(self):
        """Return whether there was a change, or that one was missed."""
        try:
            self.netlink.sock.recv(65536, socket.MSG_DONTWAIT)
        except OSError as error:
            return error.errno == errno.ENOBUFS
        return True


def link(nth, verb, name, *words):
    """Make or change a link."""
    return FailingNetlink(0).outcome(
        nth, *netlink["link_request"](verb, name, words))


def peer(nth, command, *words):
    """Send a command of the family 'ipo', which changes something."""
    sock = FailingNetlink(16)
    listener = Listener()
    result = sock.outcome(
        nth, *netlink["peer_request"](sock.family(), command, words))
    if result[0] == "ok" and not listener.was_told():
        raise Wrong(f"allocation {nth}: done, and listeners do not know")
    return result


def addr(nth, prefix, dev):
    """Give a device an address."""
    interface = ipaddress.IPv4Interface(prefix)
    return FailingNetlink(0).outcome(
        nth, 20, 0x600,
        struct.pack("=BBBBI", socket.AF_INET, interface.network.prefixlen, 0, 0,
                    socket.if_nametoindex(dev))
        + attribute(1, interface.ip.packed) + attribute(2, interface.ip.packed))


def route(nth, prefix, gateway, dev):
    """Add a route, on link."""
    network = ipaddress.IPv4Network(prefix)
    return FailingNetlink(0).outcome(
        nth, 24, 0x600,
        struct.pack("=BBBBBBBBI", socket.AF_INET, network.prefixlen, 0, 0, 254,
                    3, 0, 1, 4)
        + attribute(1, network.network_address.packed)
        + attribute(5, ipaddress.IPv4Address(gateway).packed)
        + attribute(4, struct.pack("=I", socket.if_nametoindex(dev))))


def load(nth, path):
    """Load a module."""
    file = os.open(path, os.O_RDONLY)
    faults = Faults(nth)
    with faults:
        failed = LIBC.syscall(SYS_FINIT_MODULE, file, b"", 0)
    number = ctypes.get_errno()
    os.close(file)
    return errno.errorcode[number] if failed else "ok", faults.hit


def netns(nth):
    """Make a network namespace, in a process that ends then."""
    child = os.fork()
    if not child:
        faults = Faults(nth)
        with faults:
            failed = LIBC.unshare(CLONE_NEWNET)
        os._exit(bool(failed) + 2 * faults.hit)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return "failed" if status & 1 else "ok", bool(status & 2)


ACTIONS = {"link": link, "addr": addr, "route": route, "load": load,
           "netns": netns}

# --- Packets ---------------------------------------------------------------

FAILSLAB = "/sys/kernel/debug/failslab/"
SLAB = "/sys/kernel/slab/"
N_PACKETS = 3000


def write(path, value):
    """Write 'value' to a file."""
    with open(path, "w") as file:
        file.write(value)


def enter_netns(name):
    """Be in another network namespace from now on."""
    with open("/run/netns/" + name) as file:
        if LIBC.setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")


def start_guest():
    """Start a process with a namespace, a device and a peer of its own.  It ends
    when what is returned is closed."""
    read, stop = os.pipe()
    ready, written = os.pipe()
    if os.fork():
        os.close(read)
        os.close(written)
        if os.read(ready, 1) != b"+":
            raise Wrong("no other namespace")
        return stop
    try:
        os.close(stop)
        LIBC.unshare(CLONE_NEWNET)
        link(0, "add", "ipo0", "proto=1")
        peer(0, "new", "create", "dev=ipo0", "node=10.0.0.2")
        os.write(written, b"+")
        os.read(read, 1)
    finally:
        os._exit(0)


def send_packets(address):
    """Send small and large ones, each as far as there is memory for it."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    failed = 0
    for i in range(N_PACKETS):
        try:
            sock.sendto(bytes(100 if i % 2 else 4000), (address, 9))
        except OSError:
            failed += 1
    return failed


def packets(name, address):
    """Send packets without memory.  Nothing may be started meanwhile."""
    guest = start_guest()
    for cache in os.listdir(SLAB):
        if cache.startswith(("skbuff_", "ip_dst_cache", "kmalloc-")):
            write(SLAB + cache + "/failslab", "1")
    for knob, value in (("times", "-1"), ("interval", "1"), ("space", "0"),
                        ("task-filter", "N"), ("cache-filter", "Y")):
        write(FAILSLAB + knob, value)
    probability = os.open(FAILSLAB + "probability", os.O_WRONLY)
    enter_netns(name)
    os.write(probability, b"5")
    try:
        failed = send_packets(address)
        os.close(guest)
        failed += send_packets(address)
    finally:
        while True:
            try:
                os.pwrite(probability, b"0", 0)
                break
            except OSError:             # That needs memory, too.
                pass
    print(f"packets: {failed} of {2 * N_PACKETS} could not be sent")


# --- All of it -------------------------------------------------------------


def run(commands):
    """Run commands, and return what they print, without a shell: there are
    thousands of them.  Indices of devices grow, and the order of devices is theirs."""
    printed = "".join(
        subprocess.run(shlex.split(command), stdout=subprocess.PIPE, check=True,
                       text=True).stdout for command in commands.split(";"))
    lines = re.sub(r"^[0-9]+: ", "", printed, flags=re.MULTILINE).splitlines(True)
    return "".join(sorted(lines))


def settle(state, expected, when):
    """Wait until what 'state' prints is among 'expected', and return that."""
    end = time.monotonic() + TIMEOUT
    while (now := run(state)) not in expected:
        if time.monotonic() > end:
            raise Wrong(f"{when}: there is\n{now}and not\n"
                        + "or\n".join(expected))
        time.sleep(0.1)
    return now


def fail_all(act, state, undo):
    """Do it with each allocation failing.  Return how often that made it fail,
    and how often not."""
    before = run(state)
    outcome, _ = act(0)
    if outcome != "ok":
        raise Wrong(f"without any fault: {outcome}")
    after = run(state)
    failed = done = 0
    while True:
        run(undo)
        settle(state, [before], f"undone after {failed + done} faults")
        nth, hit, outcome = failed + done, True, None
        while outcome != "ok" and hit:
            nth += 1
            outcome, hit = act(nth)
            when = f"allocation {nth}: {outcome}"
            now = settle(state, {"ok": [after], UNKNOWN: [before, after]}
                         .get(outcome, [before]), when)
            if now == after != before:
                break
            failed += hit and outcome != "ok"
        if not hit:
            if outcome != "ok":
                raise Wrong(f"{when}, and none failed")
            return failed, done
        done += 1


def main(args):
    """Do what 'args' say."""
    if args[0] == "packets":
        packets(*args[1:])
        return
    state, undo, name, *words = args
    if name in ACTIONS:
        act = ACTIONS[name]
    else:
        act, words = peer, [name, *words]
    try:
        failed, done = fail_all(lambda nth: act(nth, *words), state, undo)
    except Wrong as error:
        sys.exit(f"kmod-faults: {' '.join(args[2:])}: {error}")
    print(f"{' '.join(args[2:])}: failed {failed} times, not {done} times")


if __name__ == "__main__":
    main(sys.argv[1:])
