/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "ovs-ipo.h"
#include "ovs-ipo-db.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dirs.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "ovsdb-idl.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"

/* Held while something is changed, so that commands that run at the same time
 * do not take each other's rules for old ones. */
#define LOCK_NAME "ovs_ipo"

/* Lets nothing but the end of its time interrupt what changes something. */
void
block_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

/* Has 'idl' read the tables and columns that are of use here. */
static void
monitor(struct ovsdb_idl *idl)
{
    static const struct ovsdb_idl_column *columns[] = {
        &ovsrec_open_vswitch_col_bridges,
        &ovsrec_open_vswitch_col_cur_cfg,
        &ovsrec_open_vswitch_col_next_cfg,
        &ovsrec_bridge_col_datapath_type,
        &ovsrec_bridge_col_external_ids,
        &ovsrec_bridge_col_fail_mode,
        &ovsrec_bridge_col_name,
        &ovsrec_bridge_col_ports,
        &ovsrec_port_col_interfaces,
        &ovsrec_port_col_name,
        &ovsrec_interface_col_error,
        &ovsrec_interface_col_external_ids,
        &ovsrec_interface_col_name,
        &ovsrec_interface_col_ofport,
        &ovsrec_interface_col_ofport_request,
        &ovsrec_interface_col_options,
        &ovsrec_interface_col_type,
    };

    ovsdb_idl_add_table(idl, &ovsrec_table_open_vswitch);
    ovsdb_idl_add_table(idl, &ovsrec_table_bridge);
    ovsdb_idl_add_table(idl, &ovsrec_table_port);
    ovsdb_idl_add_table(idl, &ovsrec_table_interface);
    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        ovsdb_idl_add_column(idl, columns[i]);
    }
}

/* Runs the connection once more, after something has happened to it.  Returns
 * false when the time is up or the connection is lost. */
static bool
db_run(struct db *db)
{
    ovsdb_idl_wait(db->idl);
    poll_timer_wait_until(limit_get());
    poll_block();
    ovsdb_idl_run(db->idl);
    return ovsdb_idl_is_alive(db->idl) && time_msec() < limit_get();
}

/* Returns whether 'db' is connected, and has the lock if 'lock'. */
static bool
db_ready(const struct db *db, bool lock)
{
    return ovsdb_idl_has_ever_connected(db->idl)
        && (!lock || ovsdb_idl_has_lock(db->idl));
}

/* Returns why 'db' is not connected to 'remote', or does not have the lock. */
static char *
explain_failure(const struct db *db, const char *remote)
{
    bool alive = ovsdb_idl_is_alive(db->idl);
    int error = ovsdb_idl_get_last_error(db->idl);

    if (alive && ovsdb_idl_is_lock_contended(db->idl)) {
        return xstrdup("another ovs-ipo does not end");
    }
    return xasprintf("cannot connect to the database at %s (%s)", remote,
                     alive ? "no answer" : ovs_retval_to_string(error));
}

/* Connects to the database at 'remote', this host's if that is null.  Whoever
 * wants to change something takes the 'lock', and has all of its time for what
 * comes then, however long others had the lock. */
char *
db_open(const char *remote, bool lock, bool dry_run, struct db **dbp)
{
    struct db *db = xzalloc(sizeof *db);
    char *local = NULL;

    if (!remote) {
        remote = local = xasprintf("unix:%s/db.sock", ovs_rundir());
    }
    *dbp = NULL;
    db->dry_run = dry_run;
    db->idl = ovsdb_idl_create(remote, &ovsrec_idl_class, false, false);
    ovsdb_idl_set_db_change_aware(db->idl, false);
    monitor(db->idl);
    if (lock) {
        ovsdb_idl_set_lock(db->idl, LOCK_NAME);
    }
    ovsdb_idl_run(db->idl);
    while (!db_ready(db, lock)) {
        if (!ovsdb_idl_is_alive(db->idl) || !db_run(db)) {
            char *error = explain_failure(db, remote);

            db_close(db);
            free(local);
            return error;
        }
    }
    if (!ovsrec_open_vswitch_first(db->idl)) {
        char *error = xasprintf("the database at %s is empty (see \"ovs-vsctl "
                                "init\")", remote);

        db_close(db);
        free(local);
        return error;
    }
    free(local);
    limit_renew();
    *dbp = db;
    return NULL;
}

/* Ends the connection, without the change that is not committed yet.  'db' may
 * be null. */
void
db_close(struct db *db)
{
    if (db) {
        if (db->txn) {
            ovsdb_idl_txn_destroy(db->txn);
        }
        ovsdb_idl_destroy(db->idl);
        free(db);
    }
}

/* Returns whether changes are only printed. */
bool
db_dry_run(const struct db *db)
{
    return db->dry_run;
}

/* Returns the bridge 'name', or null. */
const struct ovsrec_bridge *
db_find_bridge(const struct db *db, const char *name)
{
    const struct ovsrec_bridge *br;

    OVSREC_BRIDGE_FOR_EACH (br, db->idl) {
        if (!strcmp(br->name, name)) {
            return br;
        }
    }
    return NULL;
}

/* Returns the interface 'name', or null. */
const struct ovsrec_interface *
db_find_interface(const struct db *db, const char *name)
{
    const struct ovsrec_interface *iface;

    OVSREC_INTERFACE_FOR_EACH (iface, db->idl) {
        if (!strcmp(iface->name, name)) {
            return iface;
        }
    }
    return NULL;
}

/* Returns whether any bridge has a port 'name'. */
bool
db_has_port(const struct db *db, const char *name)
{
    return db_find_interface(db, name) != NULL;
}

/* Changes.  In a dry run each prints what ovs-vsctl would be told. */

/* Prints 's' as a string for ovs-vsctl, in quotes for a shell. */
static void
print_quoted(const char *s)
{
    struct ds json = DS_EMPTY_INITIALIZER;

    json_string_escape(s, &json);
    putchar('\'');
    for (const char *p = ds_cstr(&json); *p; p++) {
        fputs(*p == '\'' ? "'\\''" : (char[]) { *p, '\0' }, stdout);
    }
    putchar('\'');
    ds_destroy(&json);
}

/* Prints what ovs-vsctl is told to set 'column' to 'map', in the order of the
 * keys. */
static void
print_map(const char *column, const struct smap *map)
{
    const struct smap_node **nodes = smap_sort(map);

    for (size_t i = 0; i < smap_count(map); i++) {
        printf(" %s:%s=", column, nodes[i]->key);
        print_quoted(nodes[i]->value);
    }
    free(nodes);
}

/* Begins a change, unless one has begun. */
void
db_begin(struct db *db)
{
    limit_allow_change();
    if (!db->txn) {
        db->txn = ovsdb_idl_txn_create(db->idl);
        ovsdb_idl_txn_add_comment(db->txn, "ovs-ipo");
    }
}

/* Within a change, takes 'without' off the list of bridges and adds 'with',
 * either of which may be null.  The change fails if somebody else changes the
 * list meanwhile. */
static void
set_bridges(const struct ovsrec_open_vswitch *ovs,
            const struct ovsrec_bridge *without,
            const struct ovsrec_bridge *with)
{
    struct ovsrec_bridge **bridges
        = xmalloc((ovs->n_bridges + 1) * sizeof *bridges);
    size_t n = 0;

    for (size_t i = 0; i < ovs->n_bridges; i++) {
        if (ovs->bridges[i] != without) {
            bridges[n++] = ovs->bridges[i];
        }
    }
    if (with) {
        bridges[n++] = CONST_CAST(struct ovsrec_bridge *, with);
    }
    ovsrec_open_vswitch_verify_bridges(ovs);
    ovsrec_open_vswitch_set_bridges(ovs, bridges, n);
    free(bridges);
}

/* Likewise, for the ports of 'br'. */
static void
set_ports(const struct ovsrec_bridge *br, const struct ovsrec_port *without,
          const struct ovsrec_port *with)
{
    struct ovsrec_port **ports = xmalloc((br->n_ports + 1) * sizeof *ports);
    size_t n = 0;

    for (size_t i = 0; i < br->n_ports; i++) {
        if (br->ports[i] != without) {
            ports[n++] = br->ports[i];
        }
    }
    if (with) {
        ports[n++] = CONST_CAST(struct ovsrec_port *, with);
    }
    ovsrec_bridge_verify_ports(br);
    ovsrec_bridge_set_ports(br, ports, n);
    free(ports);
}

/* Does what db_add_port() says, and prints nothing.  'external_ids' may be
 * null, too. */
static void
insert_port(struct db *db, const struct ovsrec_bridge *br, const char *name,
            const char *type, uint16_t ofport, const struct smap *options,
            const struct smap *external_ids)
{
    struct ovsrec_interface *iface = ovsrec_interface_insert(db->txn);
    struct ovsrec_port *port = ovsrec_port_insert(db->txn);
    const int64_t request = ofport;

    ovsrec_interface_set_name(iface, name);
    ovsrec_interface_set_type(iface, type);
    ovsrec_interface_set_ofport_request(iface, &request, ofport != 0);
    if (options) {
        ovsrec_interface_set_options(iface, options);
    }
    if (external_ids) {
        ovsrec_interface_set_external_ids(iface, external_ids);
    }
    ovsrec_port_set_name(port, name);
    ovsrec_port_set_interfaces(port, &iface, 1);
    set_ports(br, NULL, port);
}

/* Adds the bridge 'name', on which packets go where rules say and nowhere
 * else. */
void
db_add_bridge(struct db *db, const char *name, const char *datapath_type)
{
    const struct ovsrec_open_vswitch *ovs = ovsrec_open_vswitch_first(db->idl);
    struct ovsrec_bridge *br = ovsrec_bridge_insert(db->txn);

    if (db->dry_run) {
        printf("ovs-vsctl add-br %s -- set bridge %s fail_mode=secure "
               "datapath_type=", name, name);
        print_quoted(datapath_type);
        putchar('\n');
    }
    ovsrec_bridge_set_name(br, name);
    ovsrec_bridge_set_fail_mode(br, "secure");
    ovsrec_bridge_set_datapath_type(br, datapath_type);
    insert_port(db, br, name, "internal", 0, NULL, NULL);
    set_bridges(ovs, NULL, br);
}

/* Removes 'br' with all its ports. */
void
db_del_bridge(struct db *db, const struct ovsrec_bridge *br)
{
    if (db->dry_run) {
        printf("ovs-vsctl del-br %s\n", br->name);
    }
    set_bridges(ovsrec_open_vswitch_first(db->idl), br, NULL);
}

/* Sets 'key' of 'br''s external_ids to 'value', or removes it if that is
 * null. */
void
db_set_bridge_id(struct db *db, const struct ovsrec_bridge *br,
                 const char *key, const char *value)
{
    struct smap ids;

    smap_clone(&ids, &br->external_ids);
    if (value) {
        smap_replace(&ids, key, value);
    } else {
        smap_remove(&ids, key);
    }
    if (db->dry_run && !smap_equal(&ids, &br->external_ids)) {
        if (value) {
            printf("ovs-vsctl set bridge %s external_ids:'\"%s\"'=%s\n",
                   br->name, key, value);
        } else {
            printf("ovs-vsctl remove bridge %s external_ids '\"%s\"'\n",
                   br->name, key);
        }
    }
    ovsrec_bridge_verify_external_ids(br);
    ovsrec_bridge_set_external_ids(br, &ids);
    smap_destroy(&ids);
}

/* Adds the port 'name', which asks for the number 'ofport' unless that is 0.
 * 'options' may be null. */
void
db_add_port(struct db *db, const struct ovsrec_bridge *br, const char *name,
            const char *type, uint16_t ofport, const struct smap *options,
            const struct smap *external_ids)
{
    if (db->dry_run) {
        printf("ovs-vsctl add-port %s %s -- set interface %s type=",
               br->name, name, name);
        print_quoted(type);
        if (ofport) {
            printf(" ofport_request=%"PRIu16, ofport);
        }
        if (options) {
            print_map("options", options);
        }
        print_map("external_ids", external_ids);
        putchar('\n');
    }
    insert_port(db, br, name, type, ofport, options, external_ids);
}

/* Removes the port 'name' from 'br', if it is there. */
void
db_del_port(struct db *db, const struct ovsrec_bridge *br, const char *name)
{
    for (size_t i = 0; i < br->n_ports; i++) {
        if (!strcmp(br->ports[i]->name, name)) {
            if (db->dry_run) {
                printf("ovs-vsctl del-port %s %s\n", br->name, name);
            }
            set_ports(br, br->ports[i], NULL);
            return;
        }
    }
}

/* Within a change, has 'iface' ask for the number 'ofport', unless it does. */
static void
set_ofport(struct db *db, const struct ovsrec_interface *iface,
           uint16_t ofport)
{
    const int64_t request = ofport;

    if (iface->n_ofport_request && iface->ofport_request[0] == ofport) {
        return;
    }
    if (db->dry_run) {
        printf("ovs-vsctl set interface %s ofport_request=%"PRIu16"\n",
               iface->name, ofport);
    }
    ovsrec_interface_set_ofport_request(iface, &request, 1);
}

/* Sets what the tunnel port 'iface' is. */
void
db_set_tunnel(struct db *db, const struct ovsrec_interface *iface,
              uint16_t ofport, const struct smap *options)
{
    set_ofport(db, iface, ofport);
    if (db->dry_run && !smap_equal(options, &iface->options)) {
        printf("ovs-vsctl clear interface %s options -- set interface %s",
               iface->name, iface->name);
        print_map("options", options);
        putchar('\n');
    }
    ovsrec_interface_verify_options(iface);
    ovsrec_interface_set_options(iface, options);
}

/* Sets the type and the external_ids of 'iface'. */
void
db_set_interface(struct db *db, const struct ovsrec_interface *iface,
                 const char *type, const struct smap *external_ids)
{
    if (db->dry_run) {
        printf("ovs-vsctl clear interface %s external_ids "
               "-- set interface %s type='\"%s\"'",
               iface->name, iface->name, type);
        print_map("external_ids", external_ids);
        putchar('\n');
    }
    ovsrec_interface_verify_external_ids(iface);
    ovsrec_interface_set_type(iface, type);
    ovsrec_interface_set_external_ids(iface, external_ids);
}

/* Waits until ovs-vswitchd has done what the database said at 'cfg'. */
static char *
db_wait_cfg(struct db *db, int64_t cfg)
{
    do {
        const struct ovsrec_open_vswitch *ovs
            = ovsrec_open_vswitch_first(db->idl);

        if (ovs && ovs->cur_cfg >= cfg) {
            return NULL;
        }
    } while (db_run(db));
    return xstrdup("ovs-vswitchd does not take what is in its database");
}

/* Ends the change, and waits until ovs-vswitchd has done it. */
char *
db_commit(struct db *db)
{
    const struct ovsrec_open_vswitch *ovs = ovsrec_open_vswitch_first(db->idl);
    enum ovsdb_idl_txn_status status;
    int64_t cfg = 0;
    char *error;

    if (db->dry_run) {
        return NULL;
    } else if (!ovs) {
        return xstrdup("somebody emptied the database just now");
    }
    ovsdb_idl_txn_increment(db->txn, &ovs->header_,
                            &ovsrec_open_vswitch_col_next_cfg, false);
    status = ovsdb_idl_txn_commit(db->txn);
    while (status == TXN_INCOMPLETE && db_run(db)) {
        status = ovsdb_idl_txn_commit(db->txn);
    }
    error = (status == TXN_SUCCESS || status == TXN_UNCHANGED ? NULL
             : status == TXN_TRY_AGAIN
             ? xstrdup("somebody changed the same in the database just now")
             : status == TXN_INCOMPLETE || status == TXN_NOT_LOCKED
             ? xstrdup("lost the connection to the database")
             : xasprintf("the database refused a change: %s",
                         ovsdb_idl_txn_get_error(db->txn)));
    if (status == TXN_SUCCESS) {
        cfg = ovsdb_idl_txn_get_increment_new_value(db->txn);
    }
    ovsdb_idl_txn_destroy(db->txn);
    db->txn = NULL;
    return error ? error : db_wait_cfg(db, cfg);
}

/* Checks that ovs-vswitchd has made a port of the interface 'name'. */
char *
db_check_interface(struct db *db, const char *name)
{
    const struct ovsrec_interface *iface;

    if (db->dry_run) {
        return NULL;
    }
    do {
        iface = db_find_interface(db, name);
        if (iface && iface->n_ofport && iface->ofport[0] > 0) {
            return NULL;
        }
        if (iface && iface->error && iface->error[0]) {
            return xasprintf("port %s: %s", name, iface->error);
        }
    } while ((!iface || !iface->n_ofport) && db_run(db));
    return xasprintf("ovs-vswitchd cannot use the port %s (its log says why)",
                     name);
}
