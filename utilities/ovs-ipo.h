/* SPDX-License-Identifier: Apache-2.0 */

/* What the files of ovs-ipo and ovs-ipo-cni share.
 *
 * All state is in the Open vSwitch database: the tunnel ports with the node's
 * address, prefix and peers, the containers' ports with their 'external_ids',
 * and the statements of "allow" and "deny" in those of the bridge.  Everything
 * else, devices and OpenFlow rules, is made from it, as often as one likes.
 *
 * Functions that can fail return null, or what failed: one line, for the
 * caller to free. */

#ifndef OVS_IPO_H
#define OVS_IPO_H 1

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "compiler.h"
#include "openvswitch/list.h"
#include "openvswitch/types.h"

struct ds;
struct ofputil_flow_stats;
struct ofputil_flow_stats_request;
struct ovsrec_bridge;
struct ovsrec_interface;
struct smap;
struct vconn;

/* The gateway of every container.  It exists in the rules only. */
#define GATEWAY_IP "169.254.0.1"
#define GATEWAY_MAC "02:00:a9:fe:00:01"

/* Tunnel ports: the one for packets without a key, and the one whose keys are
 * tenants. */
#define PLAIN_PORT "ipo0"
#define TENANT_PORT "ipo0-tenants"

/* The numbers that they ask for, which ovs-vswitchd does not give to others as
 * long as there are fewer ports: rules stay right when they come and go. */
#define PLAIN_OFPORT 60001
#define TENANT_OFPORT 60002

/* Keys of 'external_ids'.  The first marks the bridge, and says of an
 * interface what it is; the others belong to containers. */
#define ID_OVERLAY "ovs-ipo"
#define ID_IP "ovs-ipo-ip"
#define ID_TENANT "ovs-ipo-tenant"
#define ID_NETNS "ovs-ipo-netns"
#define ID_NETNS_ID "ovs-ipo-netns-id"
#define ID_IFNAME "ovs-ipo-ifname"
#define ID_MTU "ovs-ipo-mtu"
#define ID_OWNER "ovs-ipo-owner"
#define ID_MAC "attached-mac"

/* The type of a container's interface while it has no device.  There is none
 * of this name, so that ovs-vswitchd lets go of the port. */
#define TYPE_ABSENT "absent"

#define ROLE_PLAIN "plain"
#define ROLE_TENANTS "tenants"
#define ROLE_CONTAINER "container"

/* ovs-ipo-words.c: addresses and prefixes, in host byte order, and text.
 * Names and paths go into the input of ip(8) and into what a shell may run. */

#define IP_FMT_SIZE 16          /* "255.255.255.255" and a null byte. */
#define PREFIX_FMT_SIZE 19

struct prefix {
    uint32_t addr;
    unsigned int len;
};

char *parse_address(const char *, uint32_t *) OVS_WARN_UNUSED_RESULT;
char *parse_prefix(const char *, struct prefix *) OVS_WARN_UNUSED_RESULT;
char *parse_number(const char *, uint32_t min, uint32_t max, uint32_t *)
    OVS_WARN_UNUSED_RESULT;
char *check_ifname(const char *) OVS_WARN_UNUSED_RESULT;
char *check_path(const char *) OVS_WARN_UNUSED_RESULT;
bool is_word(const char *);
const char *format_ip(uint32_t, char buf[IP_FMT_SIZE]);
const char *format_prefix(const struct prefix *, char buf[PREFIX_FMT_SIZE]);
bool prefix_contains(const struct prefix *, uint32_t addr);
bool prefixes_overlap(const struct prefix *, const struct prefix *);

/* ovs-ipo-state.c: what the database says of the overlay. */

/* A remote node. */
struct remote {
    uint32_t ip;
    struct prefix prefix;       /* Of its containers. */
};

/* A container of this node. */
struct container {
    const struct ovsrec_interface *iface;
    const char *device;         /* This node's end of the veth pair. */
    uint32_t ip;
    uint32_t tenant;            /* 0 if it has none. */
    const char *netns;          /* Path of its namespace. */
    const char *netns_id;       /* What it was when it was attached. */
    const char *ifname;         /* Its own end of the veth pair. */
    const char *owner;          /* Who attached it; null if ovs-ipo did. */
    unsigned int mtu;
};

/* Whether packets from 'src' to 'dst' may pass. */
struct policy {
    uint32_t tenant;
    struct prefix src, dst;
    bool allow;
};

struct overlay {
    const struct ovsrec_bridge *bridge; /* Null: there is none yet. */
    const struct ovsrec_interface *plain, *tenants;
    uint32_t local_ip;
    struct prefix prefix;       /* Of this node's containers. */

    struct remote *remotes;
    size_t n_remotes;
    struct container *containers;
    size_t n_containers;
    struct policy *policies;
    size_t n_policies;
};

struct db;

char *overlay_load(const struct db *, struct overlay *)
    OVS_WARN_UNUSED_RESULT;
void overlay_destroy(struct overlay *);
const struct remote *overlay_find_remote(const struct overlay *, uint32_t ip);
const struct container *overlay_find_ip(const struct overlay *, uint32_t ip,
                                        uint32_t tenant);
const struct container *overlay_find_netns(const struct overlay *,
                                           const char *netns, const char *id,
                                           const char *ifname);
const struct container *overlay_find_owner(const struct overlay *,
                                           const char *owner);
char *policy_key(const struct policy *);
struct container *container_clone(const struct container *);
void container_free(struct container *);

/* ovs-ipo-db.c: the connection to the database, and changes.
 *
 * A change begins with db_begin().  What is done to the database between it
 * and db_commit() happens at once or not at all; in a dry run it is printed,
 * and seen by overlay_load() only. */

void block_signals(void);
char *db_open(const char *remote, bool lock, bool dry_run, struct db **)
    OVS_WARN_UNUSED_RESULT;
void db_close(struct db *);
bool db_dry_run(const struct db *);
const struct ovsrec_bridge *db_find_bridge(const struct db *,
                                           const char *name);
const struct ovsrec_interface *db_find_interface(const struct db *,
                                                 const char *name);
bool db_has_port(const struct db *, const char *name);

void db_begin(struct db *);
void db_add_bridge(struct db *, const char *name, const char *datapath_type);
void db_del_bridge(struct db *, const struct ovsrec_bridge *);
void db_set_bridge_id(struct db *, const struct ovsrec_bridge *,
                      const char *key, const char *value);
void db_add_port(struct db *, const struct ovsrec_bridge *, const char *name,
                 const char *type, uint16_t ofport, const struct smap *options,
                 const struct smap *external_ids);
void db_del_port(struct db *, const struct ovsrec_bridge *, const char *name);
void db_set_interface(struct db *, const struct ovsrec_interface *,
                      const char *type, const struct smap *external_ids);
void db_set_tunnel(struct db *, const struct ovsrec_interface *,
                   uint16_t ofport, const struct smap *options);
char *db_commit(struct db *) OVS_WARN_UNUSED_RESULT;
char *db_check_interface(struct db *, const char *name)
    OVS_WARN_UNUSED_RESULT;

/* ovs-ipo-time.c: until when to wait for others. */

void limit_begin(unsigned int seconds);
void limit_renew(void);
void limit_allow_change(void);
long long int limit_get(void);

/* ovs-ipo-openflow.c: the connection to a bridge. */

typedef void openflow_flow_cb(const struct ofputil_flow_stats *, void *aux);

char *openflow_connect(const char *bridge, struct vconn **)
    OVS_WARN_UNUSED_RESULT;
int openflow_dump(struct vconn *, const struct ofputil_flow_stats_request *,
                  openflow_flow_cb *, void *aux);
int openflow_bundle(struct vconn *, const struct ovs_list *requests);

/* ovs-ipo-rules.c: the OpenFlow rules. */

struct rules_difference {
    size_t missing, extra;
};

char *rules_check(const struct overlay *, struct rules_difference *)
    OVS_WARN_UNUSED_RESULT;
char *rules_sync(const struct overlay *, bool dry_run)
    OVS_WARN_UNUSED_RESULT;
char *rules_remove(const char *bridge, bool dry_run) OVS_WARN_UNUSED_RESULT;
char *rules_reachable(const char *bridge) OVS_WARN_UNUSED_RESULT;

/* ovs-ipo-link.c: devices and namespaces, and other programs. */

bool program_run(char **argv, const char *netns, const char *input,
                 bool with_errors, struct ds *output);

char *netns_path(const char *word);
char *netns_find(const char *word, char **path, char **id)
    OVS_WARN_UNUSED_RESULT;
bool netns_is(const char *path, const char *id);
bool netns_is_same(const char *path, const char *id);
void link_name(uint32_t ip, uint32_t tenant, char name[IF_NAMESIZE]);
bool link_exists(const char *name);
bool link_is_strange(uint32_t ip, uint32_t tenant);
char *link_create(const struct container *, bool userspace, bool dry_run)
    OVS_WARN_UNUSED_RESULT;
char *link_repair(const struct container *, bool userspace, bool dry_run)
    OVS_WARN_UNUSED_RESULT;
char *link_check(const struct container *) OVS_WARN_UNUSED_RESULT;
char *link_delete(const char *name, bool dry_run) OVS_WARN_UNUSED_RESULT;
char *link_underlay_mtu(uint32_t local_ip, unsigned int *mtu)
    OVS_WARN_UNUSED_RESULT;
void link_mac(uint32_t ip, char mac[18]);

/* ovs-ipo-actions.c: what the commands do. */

struct attachment {
    const char *netns;          /* A name, a path or a PID. */
    const char *ifname;
    const char *owner;          /* Null for ovs-ipo itself. */
    uint32_t ip;
    uint32_t tenant;
    unsigned int mtu;           /* 0 for what the overlay can carry. */
};

struct initialization {
    const char *bridge;
    const char *datapath_type;  /* Null: as it is. */
    uint32_t local_ip;
    struct prefix prefix;
};

char *overlay_init(struct db *, const struct initialization *)
    OVS_WARN_UNUSED_RESULT;
char *overlay_deinit(struct db *) OVS_WARN_UNUSED_RESULT;
char *overlay_add_remotes(struct db *, const struct remote *, size_t n)
    OVS_WARN_UNUSED_RESULT;
char *overlay_del_remotes(struct db *, const uint32_t *ips, size_t n)
    OVS_WARN_UNUSED_RESULT;
char *overlay_set_policy(struct db *, const struct policy *, bool remove)
    OVS_WARN_UNUSED_RESULT;
char *overlay_attach(struct db *, const struct attachment *)
    OVS_WARN_UNUSED_RESULT;
char *overlay_detach(struct db *, const struct container *)
    OVS_WARN_UNUSED_RESULT;
char *overlay_sync(struct db *, struct ds *notes) OVS_WARN_UNUSED_RESULT;
char *overlay_require_bridge(const struct overlay *) OVS_WARN_UNUSED_RESULT;
char *overlay_require(const struct overlay *) OVS_WARN_UNUSED_RESULT;

/* ovs-ipo-status.c */

char *overlay_status(struct db *, bool json) OVS_WARN_UNUSED_RESULT;

#endif /* ovs-ipo.h */
