/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ipo-kernel.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>

#include "dpif.h"
#include "ipo-peers.h"
#include "ipo-uapi.h"
#include "netlink.h"
#include "netlink-notifier.h"
#include "netlink-socket.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "rtnetlink.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ipo_kernel);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* What has happened since the last ipo_kernel_run(). */
static enum ipo_kernel_events events;

/* Brings messages of the controller of generic netlink.  Null until
 * ipo_kernel_listen(). */
static struct nln *family_nln;

/* The device that was last given its peers, or 0. */
static unsigned int synced_ifindex;

/* The device. */

/* Appends to 'request' what an RTM_NEWLINK for the device has in
 * IFLA_INFO_DATA. */
void
ipo_kernel_put_link(struct ofpbuf *request)
{
    /* If that fails, this is how to find out that it no longer would. */
    ipo_kernel_listen();
    nl_msg_put_flag(request, IFLA_IPO_EXTERNAL);
}

/* Checks that 'reply', an RTM_NEWLINK, describes a device as
 * ipo_kernel_put_link() asks for.  Returns 0 or EINVAL. */
int
ipo_kernel_verify_link(struct ofpbuf *reply)
{
    static const struct nl_policy link_policy[] = {
        [IFLA_LINKINFO] = { .type = NL_A_NESTED },
    };
    static const struct nl_policy info_policy[] = {
        [IFLA_INFO_KIND] = { .type = NL_A_STRING },
        [IFLA_INFO_DATA] = { .type = NL_A_NESTED },
    };
    static const struct nl_policy ipo_policy[] = {
        [IFLA_IPO_LOCAL] = { .type = NL_A_BE32 },
        [IFLA_IPO_LINK] = { .type = NL_A_U32 },
        [IFLA_IPO_FORMAT] = { .type = NL_A_U8 },
        [IFLA_IPO_EXTERNAL] = { .type = NL_A_FLAG, .optional = true },
    };
    struct nlattr *link[ARRAY_SIZE(link_policy)];
    struct nlattr *info[ARRAY_SIZE(info_policy)];
    struct nlattr *ipo[ARRAY_SIZE(ipo_policy)];

    if (!nl_policy_parse(reply, NLMSG_HDRLEN + sizeof(struct ifinfomsg),
                         link_policy, link, ARRAY_SIZE(link_policy))
        || !nl_parse_nested(link[IFLA_LINKINFO], info_policy, info,
                            ARRAY_SIZE(info_policy))
        || strcmp(nl_attr_get_string(info[IFLA_INFO_KIND]), "ipo")
        || !nl_parse_nested(info[IFLA_INFO_DATA], ipo_policy, ipo,
                            ARRAY_SIZE(ipo_policy))) {
        return EINVAL;
    }
    return (nl_attr_get_flag(ipo[IFLA_IPO_EXTERNAL])
            && !nl_attr_get_be32(ipo[IFLA_IPO_LOCAL])
            && !nl_attr_get_u32(ipo[IFLA_IPO_LINK])
            && nl_attr_get_u8(ipo[IFLA_IPO_FORMAT]) == IPO_FMT_AUTO)
           ? 0 : EINVAL;
}

/* Returns whether a datapath port called 'name' is the device. */
bool
ipo_kernel_is_dev(const char *name)
{
    return !strcmp(name, IPO_KERNEL_DEV);
}

/* Returns whether 'name', to which something has happened, is the device and
 * was taken away from 'dpif' by somebody else. */
bool
ipo_kernel_is_lost(struct dpif *dpif, const char *name)
{
    if (!ipo_kernel_is_dev(name) || dpif_port_exists(dpif, name)) {
        return false;
    }
    VLOG_WARN("%s: device %s is gone", dpif_name(dpif), name);
    return true;
}

/* Returns 0 and stores the number of our generic netlink family in '*family',
 * or returns a positive errno value, ENOENT if there is no module.  (The
 * number is another one after the module was loaded again.) */
static int
lookup_family(int *family)
{
    *family = 0;
    return nl_lookup_genl_family(IPO_GENL_NAME, family);
}

/* Returns why adding a port failed with 'error', or null if the reason is not
 * that there is no device. */
const char *
ipo_kernel_strerror(int error)
{
    int family;

    if ((error != EAFNOSUPPORT && error != EOPNOTSUPP && error != ENODEV)
        || !family_nln || if_nametoindex(IPO_KERNEL_DEV)) {
        return NULL;
    }
    return (lookup_family(&family)
            ? "kernel module ipo is not loaded"
            : "cannot make "IPO_KERNEL_DEV": maybe another ipo device "
              "receives at all addresses");
}

/* Events. */

/* Called when a link has changed, or with null for 'change' when reports of
 * that were lost. */
static void
link_changed(const struct rtnetlink_change *change, void *aux OVS_UNUSED)
{
    if (!change
        || (change->nlmsg_type == RTM_NEWLINK && change->ifname
            && ipo_kernel_is_dev(change->ifname)
            && (uint32_t) change->if_index != synced_ifindex)) {
        events |= IPO_KERNEL_NEW_DEV;
    }
}

/* A message of the controller of generic netlink. */
struct family_change {
    int group;                  /* The multicast group that brings them. */
    bool is_ours;               /* Our family was registered. */
};

/* Parses 'buf', a message of the controller of generic netlink, into
 * '*change_', a struct family_change.  Returns the multicast group that it
 * came by, or 0 if it cannot be parsed. */
static int
family_parse(struct ofpbuf *buf, void *change_)
{
    static const struct nl_policy policy[] = {
        [CTRL_ATTR_FAMILY_NAME] = { .type = NL_A_STRING, .optional = true },
    };
    struct nlattr *attrs[ARRAY_SIZE(policy)];
    struct family_change *change = change_;
    const struct genlmsghdr *genl;

    genl = ofpbuf_at(buf, NLMSG_HDRLEN, sizeof *genl);
    if (!genl || !nl_policy_parse(buf, NLMSG_HDRLEN + GENL_HDRLEN,
                                  policy, attrs, ARRAY_SIZE(policy))) {
        return 0;
    }
    change->is_ours
        = (genl->cmd == CTRL_CMD_NEWFAMILY && attrs[CTRL_ATTR_FAMILY_NAME]
           && !strcmp(nl_attr_get_string(attrs[CTRL_ATTR_FAMILY_NAME]),
                      IPO_GENL_NAME));
    return change->group;
}

/* Called on a message of the controller, in 'change_' as family_parse() has
 * it, or with null when messages were lost. */
static void
family_changed(const void *change_, void *aux OVS_UNUSED)
{
    const struct family_change *change = change_;

    if (!change || change->is_ours) {
        VLOG_DBG("kernel module ipo was loaded");
        events |= IPO_KERNEL_NEW_MODULE;
    }
}

/* From now on ipo_kernel_run() reports what happens. */
void
ipo_kernel_listen(void)
{
    static struct family_change change;
    unsigned int group;
    int error;

    if (family_nln) {
        return;
    }

    rtnetlink_notifier_create(link_changed, NULL);
    family_nln = nln_create(NETLINK_GENERIC, family_parse, &change);
    error = nl_lookup_genl_mcgroup("nlctrl", "notify", &group);
    if (error) {
        VLOG_WARN("cannot learn of the loading of kernel modules (%s)",
                  ovs_strerror(error));
        return;
    }
    change.group = group;
    nln_notifier_create(family_nln, group, family_changed, NULL);
}

/* Returns what has happened since the last call. */
enum ipo_kernel_events
ipo_kernel_run(void)
{
    enum ipo_kernel_events result;

    if (!family_nln) {
        return 0;
    }
    rtnetlink_run();
    nln_run(family_nln);
    result = events;
    events = 0;
    return result;
}

/* Wakes up the poll loop when ipo_kernel_run() has something to report. */
void
ipo_kernel_wait(void)
{
    if (!family_nln) {
        return;
    }
    rtnetlink_wait();
    nln_wait(family_nln);
    if (events) {
        poll_immediate_wake();
    }
}

/* The peers. */

/* Appends to 'request' the head of a message for the device 'ifindex'. */
static void
put_header(struct ofpbuf *request, int family, uint32_t flags,
           enum ipo_cmd cmd, unsigned int ifindex)
{
    nl_msg_put_genlmsghdr(request, 0, family, NLM_F_REQUEST | flags, cmd,
                          IPO_GENL_VERSION);
    nl_msg_put_u32(request, IPO_A_IFINDEX, ifindex);
}

/* Adds 'peer' to device 'ifindex', in the place of one with this node if there
 * is one.  Returns 0 or a positive errno value. */
static int
add_peer(int family, unsigned int ifindex, const struct ipo_peer *peer)
{
    const struct ipo_prefixes *p = &peer->prefixes;
    struct ofpbuf request;
    int error;

    ofpbuf_init(&request, 0);
    put_header(&request, family, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
               IPO_CMD_NEW_PEER, ifindex);
    nl_msg_put_be32(&request, IPO_A_NODE, htonl(peer->node));
    nl_msg_put_be32(&request, IPO_A_LOCAL, htonl(p->local));
    nl_msg_put_u8(&request, IPO_A_LOCAL_PLEN, count_1bits(p->local_mask));
    nl_msg_put_be32(&request, IPO_A_REMOTE, htonl(p->remote));
    nl_msg_put_u8(&request, IPO_A_REMOTE_PLEN, count_1bits(p->remote_mask));
    error = nl_transact(NETLINK_GENERIC, &request, NULL);
    ofpbuf_uninit(&request);
    return error;
}

/* Removes the peer 'node' from device 'ifindex'.  Returns 0, also if there is
 * none, or a positive errno value. */
static int
del_peer(int family, unsigned int ifindex, ovs_be32 node)
{
    struct ofpbuf request;
    int error;

    ofpbuf_init(&request, 0);
    put_header(&request, family, NLM_F_ACK, IPO_CMD_DEL_PEER, ifindex);
    nl_msg_put_be32(&request, IPO_A_NODE, node);
    error = nl_transact(NETLINK_GENERIC, &request, NULL);
    ofpbuf_uninit(&request);
    return error == ENOENT ? 0 : error;
}

static const struct nl_policy peer_policy[] = {
    [IPO_A_NODE] = { .type = NL_A_BE32 },
    [IPO_A_LOCAL] = { .type = NL_A_BE32, .optional = true },
    [IPO_A_LOCAL_PLEN] = { .type = NL_A_U8, .optional = true },
    [IPO_A_REMOTE] = { .type = NL_A_BE32, .optional = true },
    [IPO_A_REMOTE_PLEN] = { .type = NL_A_U8, .optional = true },
    [IPO_A_PROTO_MODE] = { .type = NL_A_U8, .optional = true },
};

/* Returns whether both attributes are there and say what 'addr' and 'mask', in
 * host byte order, do. */
static bool
prefix_equals(uint32_t addr, uint32_t mask, const struct nlattr *addr_attr,
              const struct nlattr *plen_attr)
{
    return (addr_attr && plen_attr
            && nl_attr_get_be32(addr_attr) == htonl(addr)
            && nl_attr_get_u8(plen_attr) == count_1bits(mask));
}

/* Returns whether 'attrs', those of a peer in the kernel, are what add_peer()
 * would make of 'peer'. */
static bool
peer_equals(const struct ipo_peer *peer, struct nlattr *const *attrs)
{
    const struct ipo_prefixes *p = &peer->prefixes;

    return (!attrs[IPO_A_PROTO_MODE]
            && prefix_equals(p->local, p->local_mask, attrs[IPO_A_LOCAL],
                             attrs[IPO_A_LOCAL_PLEN])
            && prefix_equals(p->remote, p->remote_mask, attrs[IPO_A_REMOTE],
                             attrs[IPO_A_REMOTE_PLEN]));
}

/* For bsearch(): compares a node's address, in host byte order, to a struct
 * ipo_peer. */
static int
compare_node(const void *node_, const void *peer_)
{
    const struct ipo_peer *peer = peer_;
    const uint32_t *node = node_;

    return (*node > peer->node) - (*node < peer->node);
}

/* How the peers of the device differ from those wanted. */
struct peers_diff {
    bool *present;              /* For each wanted one: is it there? */
    ovs_be32 *extra;            /* Nodes that are there and not wanted. */
    size_t n_extra, allocated_extra;
};

/* Reads 'msg', a peer of the device, into 'diff'. */
static void
compare_peer(struct ofpbuf *msg, const struct ipo_peer_list *wanted,
             struct peers_diff *diff)
{
    struct nlattr *attrs[ARRAY_SIZE(peer_policy)];
    const struct ipo_peer *peer;
    uint32_t node;

    if (!nl_policy_parse(msg, NLMSG_HDRLEN + GENL_HDRLEN, peer_policy, attrs,
                         ARRAY_SIZE(peer_policy))) {
        return;
    }
    node = ntohl(nl_attr_get_be32(attrs[IPO_A_NODE]));
    peer = (wanted->n
            ? bsearch(&node, wanted->peers, wanted->n, sizeof *wanted->peers,
                      compare_node)
            : NULL);
    if (peer) {
        diff->present[peer - wanted->peers] = peer_equals(peer, attrs);
        return;
    }
    if (diff->n_extra >= diff->allocated_extra) {
        diff->extra = x2nrealloc(diff->extra, &diff->allocated_extra,
                                 sizeof *diff->extra);
    }
    diff->extra[diff->n_extra++] = htonl(node);
}

/* Makes '*diff' the difference between the peers of device 'ifindex' and
 * 'wanted'.  Returns 0 or a positive errno value. */
static int
read_diff(int family, unsigned int ifindex, const struct ipo_peer_list *wanted,
          struct peers_diff *diff)
{
    uint64_t stub[NL_DUMP_BUFSIZE / 8];
    struct ofpbuf request, reply, buf;
    struct nl_dump dump;

    ofpbuf_init(&request, 0);
    put_header(&request, family, 0, IPO_CMD_GET_PEER, ifindex);
    nl_dump_start(&dump, NETLINK_GENERIC, &request);
    ofpbuf_uninit(&request);

    ofpbuf_use_stub(&buf, stub, sizeof stub);
    while (nl_dump_next(&dump, &reply, &buf)) {
        compare_peer(&reply, wanted, diff);
    }
    ofpbuf_uninit(&buf);
    return nl_dump_done(&dump);
}

/* Makes the peers of device 'ifindex' those in 'wanted', changing only those
 * that differ.  Returns 0 or the first positive errno value. */
static int
set_peers(int family, unsigned int ifindex, const struct ipo_peer_list *wanted)
{
    struct peers_diff diff = {
        .present = xcalloc(wanted->n, sizeof *diff.present),
    };
    size_t n_added = 0;
    int error;

    error = read_diff(family, ifindex, wanted, &diff);
    for (size_t i = 0; !error && i < diff.n_extra; i++) {
        error = del_peer(family, ifindex, diff.extra[i]);
    }
    for (size_t i = 0; !error && i < wanted->n; i++) {
        if (!diff.present[i]) {
            error = add_peer(family, ifindex, &wanted->peers[i]);
            n_added++;
        }
    }
    if (!error && (n_added || diff.n_extra)) {
        VLOG_DBG("%s: %"PRIuSIZE" peers, %"PRIuSIZE" set, %"PRIuSIZE" deleted",
                 IPO_KERNEL_DEV, wanted->n, n_added, diff.n_extra);
    }
    free(diff.present);
    free(diff.extra);
    return error;
}

/* Makes 'wanted', which is in the order of the nodes' addresses, the peers of
 * the device.  Returns 0, also if there is no device: ipo_kernel_run() will
 * report one.  Otherwise returns a positive errno value. */
int
ipo_kernel_set_peers(const struct ipo_peer_list *wanted)
{
    unsigned int ifindex = if_nametoindex(IPO_KERNEL_DEV);
    int family;
    int error;

    synced_ifindex = 0;
    if (!ifindex) {
        return 0;
    }
    error = lookup_family(&family);
    if (!error) {
        error = set_peers(family, ifindex, wanted);
    }
    if (error && if_nametoindex(IPO_KERNEL_DEV) != ifindex) {
        return 0;
    }
    if (error) {
        VLOG_WARN_RL(&rl, "%s: cannot set its peers (%s)", IPO_KERNEL_DEV,
                     ovs_strerror(error));
        return error;
    }
    synced_ifindex = ifindex;
    return 0;
}
