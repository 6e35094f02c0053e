-- SPDX-License-Identifier: Apache-2.0

-- Shows IPO packets in Wireshark and tshark.  SEEING PACKETS in ovs-ipo(7) says
-- how to use it.
--
-- IPO changes the IPv4 header itself, so this reads the header that Wireshark's
-- own dissector has shown already: of packets with one of IPO's protocols when
-- that would go on to what follows it, and of all others, such as fragments and
-- the native variant, when Wireshark is done with the whole packet.

local ipo = Proto("ipo", "IP Option Overlay")

ipo.prefs.peers = Pref.string("Prefixes of nodes", "",
    "The containers of each node, NODE=PREFIX with commas between them, from " ..
    "which abbreviated addresses are completed")

local OPT_COMPACT, OPT_EXTENDED = 40, 158
local SHIFT, INNER_MAX, PROTO_EXTENDED = 143, 109, 253
local HLEN_MIN, HLEN_MAX = 20, 60

-- Why a receiver drops a packet: the names and texts of enum ipo_drop.
local drops = {
    malformed = "not IPv4, truncated, or lengths disagree",
    bad_checksum = "wrong IPv4 header checksum",
    no_option = "no IPO option",
    fragment = "compact fragment that lost its option",
    bad_option_length = "IPO option of a wrong length",
    unknown_version = "unknown version or reserved bits set",
    unknown_peer = "unknown peer",
    short_prefix = "peer's prefix too short for the format",
    outside_prefix = "inner address outside the prefix",
    bad_protocol = "protocol that cannot be shifted back",
}

local fields = {
    format = ProtoField.string("ipo.format", "Format"),
    length = ProtoField.uint8("ipo.length", "Option length"),
    version = ProtoField.uint8("ipo.version", "Version", base.DEC, nil, 0xf0),
    flag_key = ProtoField.bool("ipo.flags.key", "Key", 8, nil, 0x08),
    flag_full = ProtoField.bool("ipo.flags.full", "Full addresses", 8, nil,
                                0x01),
    reserved = ProtoField.uint8("ipo.reserved", "Reserved", base.HEX, nil,
                                0x06),
    proto = ProtoField.uint8("ipo.proto", "Inner protocol"),
    key = ProtoField.uint32("ipo.key", "Key", base.HEX),
    src_low = ProtoField.uint16("ipo.src_low", "Low bits of inner source"),
    dst_low = ProtoField.uint16("ipo.dst_low",
                                "Low bits of inner destination"),
    src = ProtoField.ipv4("ipo.src", "Inner source"),
    dst = ProtoField.ipv4("ipo.dst", "Inner destination"),
    drop = ProtoField.string("ipo.drop", "A receiver drops it"),
}
ipo.fields = fields

local experts = {
    peers = ProtoExpert.new("ipo.peers_invalid",
        "The preference ipo.peers has something that is not NODE=PREFIX",
        expert.group.PROTOCOL, expert.severity.WARN),
    cut = ProtoExpert.new("ipo.cut", "The header was not captured whole",
        expert.group.PROTOCOL, expert.severity.WARN),
}
for name, text in pairs(drops) do
    experts[name] = ProtoExpert.new("ipo.drop." .. name,
        "A receiver drops it: " .. text, expert.group.MALFORMED,
        expert.severity.ERROR)
end
ipo.experts = experts

local ip_field = Field.new("ip")
local icmp_field = Field.new("icmp")
local ip_dissector = Dissector.get("ip")
local by_protocol = DissectorTable.get("ip.proto")

-- Addresses are numbers.  Bits are taken from them with arithmetic alone, which
-- is the same in all of Lua's versions that Wireshark comes with.

-- Returns 'addr' without its bits behind the first 'plen'.
local function masked(addr, plen)
    return addr - addr % 2 ^ (32 - plen)
end

-- Returns 'addr' as text, with a '*' for all but the last 'octets'.
local function address_text(addr, octets)
    local words = {}

    for i = 4, 1, -1 do
        words[i] = i > 4 - octets and string.format("%d", addr % 256) or "*"
        addr = math.floor(addr / 256)
    end
    return table.concat(words, ".")
end

-- Returns the address that 'text' is, or nil.
local function parse_address(text)
    local addr = 0
    local octets = { text:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }

    for _, octet in ipairs(octets) do
        if tonumber(octet) > 255 then
            return nil
        end
        addr = addr * 256 + tonumber(octet)
    end
    return octets[1] and addr
end

-- Returns the node, and the prefix of its containers, of 'word', or nil.
local function parse_peer(word)
    local node, prefix, plen = word:match("^%s*([%d.]+)=([%d.]+)/(%d+)%s*$")

    node, prefix = node and parse_address(node), prefix and parse_address(prefix)
    plen = tonumber(plen)
    if not node or not prefix or plen > 32 or masked(prefix, plen) ~= prefix then
        return nil
    end
    return node, { addr = prefix, plen = plen }
end

-- What the preference says: the prefix of each node, whether there is any, and
-- whether something in it makes no sense.
local peers, peers_given, peers_invalid = {}, false, false

function ipo.prefs_changed()
    peers, peers_given, peers_invalid = {}, false, false
    for word in ipo.prefs.peers:gmatch("[^,]+") do
        local node, prefix = parse_peer(word)

        if node then
            peers[node] = prefix
            peers_given = true
        else
            peers_invalid = true
        end
    end
end

-- Reading the header.

-- Returns the IPv4 packet that 'info' shows, a field named "ip".
local function find_packet(info)
    local source, offset = info.source, info.offset
    local packet = {
        source = source,
        offset = offset,
        len = source:len() - offset,
        wire_len = source:reported_len() - offset,
    }

    function packet.range(from, len)
        return source:range(offset + from, len)
    end
    function packet.byte(from)
        return source:range(offset + from, 1):uint()
    end
    if packet.len > 0 then
        packet.hlen = packet.byte(0) % 16 * 4
        packet.version = math.floor(packet.byte(0) / 16)
    end
    for _, icmp in ipairs({ icmp_field() }) do
        packet.quoted = packet.quoted or icmp.offset < offset
    end
    return packet
end

-- Returns the type of the first option of 'packet', or nil.
local function first_option(packet)
    return packet.len > HLEN_MIN and packet.hlen > HLEN_MIN
           and packet.byte(HLEN_MIN) or nil
end

-- Returns whether 'packet' is to be taken for IPO: it has one of the protocols
-- that a receiver looks at, or one of the options, which nothing else uses.
local function is_ipo(packet)
    local option = first_option(packet)

    if option == OPT_COMPACT or option == OPT_EXTENDED then
        return true
    end
    return packet.len > 9 and packet.byte(9) > SHIFT
           and packet.byte(9) <= PROTO_EXTENDED
end

-- Returns the one's complement sum of the 16-bit words in the 'len' bytes at the
-- front of 'bytes', which is 0xffff if a checksum among them is right.
local function sum_words(bytes, len)
    local sum = 0

    for i = 0, len - 1, 2 do
        sum = sum + bytes:get_index(i) * 256 + bytes:get_index(i + 1)
    end
    while sum > 0xffff do
        sum = sum % 0x10000 + math.floor(sum / 0x10000)
    end
    return sum
end

-- Checks the header of 'packet'.  Returns the reason for a drop, or "cut" if
-- there is too little of it to know.
local function check_header(packet)
    if packet.len < packet.wire_len
       and (packet.len < HLEN_MIN or packet.len < packet.hlen) then
        return "cut"
    end
    if packet.len < HLEN_MIN or packet.version ~= 4 or packet.hlen < HLEN_MIN
       or packet.len < packet.hlen then
        return "malformed"
    end
    packet.tot_len = packet.range(2, 2):uint()
    packet.fragment = packet.range(6, 2):uint() % 0x2000
    packet.more = math.floor(packet.byte(6) / 0x20) % 2 == 1
    packet.proto = packet.byte(9)
    packet.src = packet.range(12, 4):uint()
    packet.dst = packet.range(16, 4):uint()
    if packet.tot_len < packet.hlen
       or (packet.tot_len > packet.wire_len and not packet.quoted) then
        return "malformed"
    end
    if sum_words(packet.range(0, packet.hlen):bytes(), packet.hlen)
       ~= 0xffff then
        return "bad_checksum"
    end
    return nil
end

-- Reads the compact option of 'packet' into 'option'.
local function parse_compact(packet, option)
    if first_option(packet) ~= OPT_COMPACT then
        return packet.fragment > 0 and "fragment" or "no_option"
    end
    if packet.byte(21) ~= 4 then
        return "bad_option_length"
    end
    option.format, option.len, option.octets = "compact", 4, 1
    option.src, option.src_at = packet.byte(22), packet.range(22, 1)
    option.dst, option.dst_at = packet.byte(23), packet.range(23, 1)
    return nil
end

-- Reads the extended option of 'packet' into 'option'.
local function parse_extended(packet, option)
    local len, flags, at, size

    if first_option(packet) ~= OPT_EXTENDED then
        return "no_option"
    end
    len = packet.byte(21)
    if len < 4 or len > packet.hlen - HLEN_MIN then
        return "bad_option_length"
    end
    flags = packet.byte(22)
    if math.floor(flags / 16) ~= 1 or math.floor(flags / 2) % 4 ~= 0 then
        return "unknown_version"
    end
    option.octets = flags % 2 == 1 and 4 or 2
    option.key = math.floor(flags / 8) % 2 == 1
    option.len = 4 + 2 * option.octets + (option.key and 4 or 0)
    if len ~= option.len then
        return "bad_option_length"
    end
    option.format = (option.octets == 4 and "full" or "short")
                    .. (option.key and "+key" or "")
    option.proto = packet.byte(23)
    at, size = option.key and 28 or 24, option.octets
    option.src_at, option.dst_at = packet.range(at, size),
                                   packet.range(at + size, size)
    option.src, option.dst = option.src_at:uint(), option.dst_at:uint()
    return nil
end

-- Reads the option of 'packet' into 'option'.  Returns the reason for a drop.
local function parse_option(packet, option)
    local inner = packet.proto - SHIFT
    local drop

    if packet.proto == PROTO_EXTENDED then
        return parse_extended(packet, option)
    end
    if inner >= 1 and inner <= INNER_MAX then
        option.proto = inner
        return parse_compact(packet, option)
    end
    if packet.proto >= 1 and packet.proto <= INNER_MAX then
        option.proto = packet.proto
        drop = parse_compact(packet, option)
        if not drop then
            option.format = "native"
            return nil
        end
    end
    return "bad_protocol"
end

-- Completes the addresses of 'option'.  Returns the reason for a drop.
local function complete_addresses(packet, option)
    local plen = 32 - 8 * option.octets
    local from, to = peers[packet.src], peers[packet.dst]

    if option.octets == 4 or not peers_given then
        option.complete = option.octets == 4
        return nil
    end
    if not from or not to then
        return "unknown_peer"
    end
    if from.plen < plen or to.plen < plen then
        return "short_prefix"
    end
    local src = masked(from.addr, plen) + option.src
    local dst = masked(to.addr, plen) + option.dst
    if masked(src, from.plen) ~= from.addr or masked(dst, to.plen) ~= to.addr then
        return "outside_prefix"
    end
    option.src, option.dst = src, dst
    option.complete = true
    return nil
end

-- Showing it.

local function add_address(tree, option, name)
    local addr, at = option[name], option[name .. "_at"]

    if option.octets < 4 then
        tree:add(fields[name .. "_low"], at)
    end
    if option.octets == 4 then
        tree:add(fields[name], at)
    elseif option.complete then
        tree:add(fields[name], at, Address.ip(address_text(addr, 4)))
            :set_generated()
    end
end

-- Adds what the option of 'packet' holds, as far as that is understood.
local function add_option(tree, packet, option)
    if option.format then
        tree:add(fields.format, packet.range(HLEN_MIN, option.len),
                 option.format):set_generated()
    end
    if not option.kind then
        return
    end
    if packet.hlen >= HLEN_MIN + 4 and packet.len >= HLEN_MIN + 4 then
        tree:add(fields.length, packet.range(21, 1))
        if option.kind == OPT_EXTENDED then
            for _, name in ipairs({ "version", "flag_key", "reserved",
                                    "flag_full" }) do
                tree:add(fields[name], packet.range(22, 1))
            end
        end
    end
    if not option.format then
        return
    end
    if option.kind == OPT_EXTENDED then
        tree:add(fields.proto, packet.range(23, 1))
    else
        tree:add(fields.proto, packet.range(9, 1), option.proto)
            :set_generated()
    end
    if option.key then
        tree:add(fields.key, packet.range(24, 4))
    end
    add_address(tree, option, "src")
    add_address(tree, option, "dst")
end

local function add_drop(tree, packet, drop)
    tree:add(fields.drop, packet.range(0, 0), drop):set_generated()
    tree:add_proto_expert_info(experts[drop])
end

-- Adds to 'root' all that is known of 'packet'.
local function add_packet(root, packet, option, drop)
    local at = packet.range(0, math.min(packet.len, HLEN_MIN))
    local tree, octets

    if option.kind then
        at = packet.range(HLEN_MIN, math.min(option.len or 4,
                                             packet.len - HLEN_MIN))
    end
    tree = root:add(ipo, at)
    if option.format then
        octets = option.complete and 4 or option.octets
        tree:append_text(", " .. option.format .. ", "
                         .. address_text(option.src, octets) .. " > "
                         .. address_text(option.dst, octets))
    end
    add_option(tree, packet, option)
    if peers_invalid then
        tree:add_proto_expert_info(experts.peers)
    end
    if drop == "cut" then
        tree:add_proto_expert_info(experts.cut)
    elseif drop then
        add_drop(tree, packet, drop)
    end
end

-- Returns the inner packet, whose addresses are complete.
local function rebuild(packet, option)
    local len = math.min(packet.tot_len, packet.len)
    local hlen = packet.hlen - option.len
    local head = packet.range(0, HLEN_MIN):bytes()
    local tot_len = packet.tot_len - option.len
    local inner, sum

    local function put(at, value, size)
        for i = at + size - 1, at, -1 do
            head:set_index(i, math.floor(value % 256))
            value = math.floor(value / 256)
        end
    end
    put(0, 0x40 + hlen / 4, 1)
    put(2, tot_len, 2)
    put(9, option.proto, 1)
    put(10, 0, 2)
    put(12, option.src, 4)
    put(16, option.dst, 4)
    inner = head
    if len > HLEN_MIN + option.len then
        inner = inner .. packet.range(HLEN_MIN + option.len,
                                      len - HLEN_MIN - option.len):bytes()
    end
    sum = 0xffff - sum_words(inner, hlen)
    inner:set_index(10, math.floor(sum / 256))
    inner:set_index(11, sum % 256)
    return inner
end

-- Returns 'payload' such that a dissector may be called with it.  One that was not
-- captured whole would raise an error that Wireshark lets pass through Lua, which
-- that does not survive often: it gets to be as long as what there is of it.
local function callable(payload)
    local len = payload:len()

    if len == payload:reported_len() or len == 0 then
        return payload
    end
    return payload:range(0, len):bytes():tvb("Captured payload")
end

-- The IPv4 packets of this frame that are dealt with, by their number, and
-- whether Wireshark is at one that an IPO packet carries.  That is a container's,
-- and what it holds is nothing to the node.
local done, inside = {}, false

-- Dissects what 'packet' carries.  'payload' is what Wireshark found behind its
-- header, from all of its fragments, or nil.
local function dissect_inner(packet, option, payload, pinfo, root)
    local before = #{ ip_field() }

    if option.format == "native" or packet.quoted then
        return                  -- Wireshark has done, or cannot.
    end
    inside = true
    -- An error is that of a malformed packet, which Wireshark has shown by then.
    if option.complete then
        pcall(ip_dissector.call, ip_dissector,
              rebuild(packet, option):tvb("Inner IPv4 packet"), pinfo, root)
    elseif payload and payload:len() > 0 then
        pcall(by_protocol.try, by_protocol, option.proto, callable(payload),
              pinfo, root)
    end
    inside = false
    for i in ipairs({ ip_field() }) do
        done[i] = done[i] or i > before
    end
end

-- Shows 'packet', and dissects what it carries.
local function dissect_packet(packet, payload, pinfo, root)
    local option = {}
    local drop = check_header(packet)

    if not drop or drop == "bad_checksum" then
        local wrong = parse_option(packet, option)

        option.kind = first_option(packet)
        if option.kind ~= OPT_COMPACT and option.kind ~= OPT_EXTENDED then
            option.kind = nil
        end
        if not wrong then
            wrong = complete_addresses(packet, option)
        end
        drop = drop or wrong
    end
    if option.format ~= "native" then
        pinfo.cols.protocol = "IPO"
    end
    add_packet(root, packet, option, drop)
    if option.format then
        dissect_inner(packet, option, payload, pinfo, root)
    elseif drops[drop] then
        pinfo.cols.info = "Dropped by a receiver: " .. drops[drop]
    end
end

-- What Wireshark would have done with IPO's protocols.
local others = {}

-- Dissects the IPv4 packet that Wireshark is at.  'payload' is what follows its
-- header.  Returns 0 to leave it to Wireshark.
local function dissect_current(payload, pinfo, root)
    local infos = { ip_field() }
    local other = others[pinfo.match_uint]
    local packet

    if #infos == 0 then
        return 0                -- Not called for an IPv4 packet.
    end
    done[#infos] = true
    packet = find_packet(infos[#infos])
    if not inside and not (other and not first_option(packet)) then
        dissect_packet(packet, payload, pinfo, root)
    elseif other then
        pcall(other.call, other, callable(payload), pinfo, root)
    else
        return 0
    end
    return payload:len()
end

-- Dissects the IPO packet of a frame that is not dealt with yet.
local function dissect_rest(pinfo, root)
    inside = false              -- If an error left it so.
    for i, info in ipairs({ ip_field() }) do
        local packet = find_packet(info)

        if not done[i] and is_ipo(packet) then
            dissect_packet(packet, nil, pinfo, root)
            break               -- All that follows is inside it.
        end
    end
    done = {}
end

-- Called behind an IPv4 header of one of IPO's protocols.
function ipo.dissector(payload, pinfo, root)
    return dissect_current(payload, pinfo, root)
end
for proto = SHIFT + 1, PROTO_EXTENDED do
    others[proto] = by_protocol:get_dissector(proto)
    by_protocol:add(proto, ipo)
end

-- Called in the end with the whole frame.  It shows itself as "ipo", too.
local rest = Proto("ipo_rest", "IP Option Overlay, what was left")

function rest.dissector(_, pinfo, root)
    dissect_rest(pinfo, root)
end
register_postdissector(rest)
