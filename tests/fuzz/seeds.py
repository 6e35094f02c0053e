# SPDX-License-Identifier: Apache-2.0

"""Writes inputs for fuzz targets to begin with.

    seeds.py VECTORS DIRECTORY

VECTORS is the folder of the golden vectors; there will be a folder for each
target in DIRECTORY.  What the inputs are made of is said in the targets.
"""

import glob
import os
import socket
import struct
import sys

FORMATS = {'auto': 0, 'compact': 1, 'short': 2, 'full': 3}

OPTIONS = [
    'remote_ip=10.0.0.2',
    'remote_ip=10.0.0.2\nlocal_ip=10.0.0.1\nkey=7\nin_key=flow\n'
    'out_key=0x7\negress_pkt_mark=3\nttl=inherit\ntos=inherit',
    'remote_ip=10.0.0.2\nipo_local_prefix=192.168.1.0/24\n'
    'ipo_remote_prefix=192.168.2.0/24\nipo_format=compact',
    'remote_ip=flow\nlocal_ip=flow\nkey=flow\nipo_format=short\n'
    'ipo_local_prefix=172.16.0.0/16\n'
    'ipo_peers=10.0.0.2=172.17.0.0/16, 10.0.0.3=172.18.1.0/24',
    'remote_ip=flow\nipo_local_prefix=0.0.0.0/0\n'
    'ipo_peers=10.0.0.2=10.1.2.3/32\nipo_format=auto',
    'remote_ip=10.0.0.2\nipo_format=full\nno_such=1',
    'remote_ip=10.0.0.2\nin_key=0\nout_key=flow',
    'remote_ip=10.0.0.2\nkey=4294967295\nin_key=010\negress_pkt_mark=010',
    'remote_ip=flow\nlocal_ip=10.0.0.1\nipo_local_prefix=10.1.0.0/16\n'
    'ipo_format=short\nipo_peers=10.0.0.9=10.2.0.0/16,10.0.0.3=10.3.7.0/24',
    'remote_ip=10.0.0.2\nipo_local_prefix=10.1.1.1/32\n'
    'ipo_remote_prefix=0.0.0.0/0',
    'remote_ip=10.0.0.2\nkey=4294967296',
    'remote_ip=10.0.0.2\negress_pkt_mark=0x10',
    'remote_ip=flow\nipo_local_prefix=10.1.0.0/16\nipo_peers=',
]

ACTIONS = [
    'ipo(formats=compact+short+full,local=192.168.1.0/24,'
    'remote=192.168.2.0/24))',
    'ipo(formats=short+full,key=0x7,local=10.1.0.0/16,remote=10.2.0.0/17))',
    'ipo(formats=full,key=0))',
    'ipo(formats=none))',
    'ipo(drop=key_too_big))',
]

WORDS = ['10.0.0.1', '192.168.0.0/16', '0.0.0.0/0', '10.1.2.3/32', '0x1f',
         '4294967295', '65535', '224.0.0.1']

BATCHES = [
    'peer add dev ipo0 node 10.0.0.2 local 10.1.0.0/24 remote 10.2.0.0/24 '
    'proto native\npeer show\n',
    'peer replace 10.0.0.2 dev ipo0 proto shift # comment\n\n'
    'peer del node 10.0.0.2 dev ipo0\npeer flush dev ipo0\n',
    'stats\nstats dev ipo0\n',
    'peer show dev ipo0 node 10.0.0.2\nhelp\nmonitor\n',
    'stats' + ' dev' * 31 + '\nstats' + ' dev' * 32 + '\n',
    'peer flush dev a\n' * 129,
]

CONFIGS = [
    ('{"cniVersion":"1.0.0","name":"n","ipam":{"type":"host-local"},'
     '"tenant":7,"mtu":1400,"dns":{"nameservers":["10.0.0.9"]}}', 'eth0',
     '{"ips":[{"address":"fd00::1/64"},{"address":"10.1.2.3/24"}]}'),
    ('{"cniVersion":"0.3.1","name":"n","ipam":{"type":"static"}}', 'eth0',
     '{"ips":[{"version":"4","address":"10.1.2.3"}],"dns":{}}'),
    ('{"cniVersion":"0.2.0","name":"n"}', 'eth0', '{}'),
    ('[]', 'an interface', '{"code":7,"msg":"no"}'),
]


# Before a packet: none, just not enough for the longest header, and just enough.
HEADROOMS = [32, 0, 29, 30]


class Seeds:
    """The folder of one target."""

    def __init__(self, directory, target):
        self.path = os.path.join(directory, target)
        self.n = 0
        os.makedirs(self.path, exist_ok=True)

    def add(self, data):
        name = os.path.join(self.path, 'seed-%03d' % self.n)
        with open(name, 'wb') as f:
            f.write(data)
        self.n += 1


def read_vectors(name):
    """Yields the vectors in a file, each a dictionary."""
    with open(name) as f:
        lines = [line.split('#')[0].split() for line in f]
    vector = {}
    for words in lines:
        if not words:
            continue
        if words[0] == 'vector':
            vector = {}
        elif words[0] in ('inner', 'outer'):
            data = vector[words[0]] = bytearray()
        elif words[0] == 'end':
            yield vector
        elif words[0] == 'fill':
            data.extend([int(words[2], 16)] * int(words[1]))
        elif len(words[0]) > 2:
            vector[words[0]] = words[1]
        else:
            data.extend(bytes.fromhex(''.join(words)))


def setting(vector, received, headroom):
    """What tests/fuzz/packet.h says is before a packet."""
    key = int(vector.get('key', '0'), 0)
    nodes = [socket.inet_aton(vector[name]) for name in ('src', 'dst')]
    known = 'local' in vector
    prefixes = [vector.get(name, '0.0.0.0/0').split('/')
                for name in ('local', 'remote')]
    if received:
        nodes.reverse()
        prefixes.reverse()
    # What is right stays right when its lengths and checksum are set again.
    right = 0 if 'drop' in vector else 0x18
    return (bytes([known | ('key' in vector) << 1 | right
                   | (key > 0xffffffff) << 5, headroom,
                   FORMATS[vector.get('format', 'auto')]]
                  + [int(plen) for _, plen in prefixes])
            + b''.join(nodes)
            + b''.join(socket.inet_aton(addr) for addr, _ in prefixes)
            + struct.pack('!I', key & 0xffffffff))


def add_packets(folder, vectors):
    """Adds packets, of which very long ones would only take time."""
    for name in sorted(glob.glob(os.path.join(vectors, '*.txt'))):
        for vector in read_vectors(name):
            for direction in 'inner', 'outer':
                packet = vector.get(direction)
                if packet is not None and len(packet) < 300:
                    headroom = HEADROOMS[folder.n % len(HEADROOMS)]
                    folder.add(setting(vector, direction == 'outer', headroom)
                               + packet)


def attribute(kind, payload):
    return (struct.pack('=HH', 4 + len(payload), kind)
            + payload + bytes(-len(payload) % 4))


def message(kind, flags, payload):
    return struct.pack('=IHHII', 16 + len(payload), kind, flags, 0, 0) + payload


NUMBER = struct.pack('=I', 3)
COUNTER = (attribute(2, b'') + attribute(3, b'')
           + attribute(4, b'no_route\0')
           + attribute(5, struct.pack('=Q', 9)))
PEER = [NUMBER, b'ipo0\0', bytes([10, 0, 0, 2]), bytes([10, 1, 0, 0]), b'\x18',
        bytes([10, 2, 0, 0]), b'\x18', b'\1', NUMBER, COUNTER]
DONE = message(3, 2, struct.pack('=i', 0))


def ipo_message(command, attributes):
    return message(0x1c, 0x200, struct.pack('=BBH', command, 1, 0) + attributes)


def answers():
    """What the kernel may say, of each kind: see lib/ipo-uapi.h."""
    peer = b''.join(attribute(kind, data) for kind, data in enumerate(PEER, 2))
    error = struct.pack('=i', -17) + struct.pack('=IHHII', 16, 0, 0, 0, 0)
    group = attribute(1, b'peers\0') + attribute(2, NUMBER)
    family = (attribute(1, struct.pack('=H', 0x1c))
              + attribute(7, attribute(1, group)))
    return ([ipo_message(command, peer) for command in range(1, 6)]
            + [message(2, 0x200, error + attribute(1, b'no\0')),
               message(16, 0x10, struct.pack('=BBH', 1, 1, 0) + family),
               DONE])


def lists():
    """The same twice, as a list has it, of all that may be in one."""
    return [answer * 2 + DONE for answer in answers()[:5]]


def short_answers():
    """Each attribute with nothing in it, at the end of what was received."""
    return ([ipo_message(command, attribute(kind, b''))
             for command in (1, 5) for kind in range(2, len(PEER) + 2)]
            + [ipo_message(5, attribute(11, attribute(4, b'no_route\0')
                                        + attribute(5, b''))),
               ipo_message(5, attribute(11, attribute(4, b'unend')))])


def main(vectors, directory):
    for target in 'wire', 'port':
        add_packets(Seeds(directory, target), vectors)
    for target, texts in (('options', OPTIONS), ('odp', ACTIONS),
                          ('words', WORDS)):
        folder = Seeds(directory, target)
        for text in texts:
            folder.add(text.encode())
    folder = Seeds(directory, 'batch')
    for i, text in enumerate(BATCHES):
        folder.add(bytes([i & 1]) + text.encode() + b'\0'
                   + b''.join(answers()))
        for j, answer in enumerate(answers()):
            folder.add(bytes([j & 1]) + text.encode() + b'\0' + answer)
    for answer in lists() + short_answers():
        folder.add(b'\1peer show\nstats\n\0' + answer)
    folder = Seeds(directory, 'cni')
    for config in CONFIGS:
        folder.add('\0'.join(config).encode())


if __name__ == '__main__':
    if len(sys.argv) != 3:
        sys.exit('usage: seeds.py VECTORS DIRECTORY')
    main(*sys.argv[1:])
