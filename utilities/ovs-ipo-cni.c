/* SPDX-License-Identifier: Apache-2.0 */

/* Puts containers onto the overlay for whoever speaks CNI: a plugin as version
 * 1.0 of that specification wants it.  Addresses come from the plugin that the
 * configuration names as "ipam".  See ovs-ipo-cni(8). */

#include <config.h>
#include "ovs-ipo.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fatal-signal.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovs-compat.h"
#include "util.h"

/* For the database and ovs-vswitchd, in seconds. */
#define TIMEOUT 30

/* Error codes (CNI specification, "Error"). */
enum {
    CNI_INCOMPATIBLE_VERSION = 1,
    CNI_INVALID_ENVIRONMENT = 4,
    CNI_IO_FAILURE = 5,
    CNI_INVALID_JSON = 6,
    CNI_INVALID_CONFIG = 7,
    CNI_FAILED = 100            /* Ours. */
};

/* The versions whose results are known here, the newest last. */
static const char *versions[] = { "0.3.0", "0.3.1", "0.4.0", "1.0.0" };
#define NEWEST_VERSION "1.0.0"

/* What a call is about. */
struct call {
    const char *command, *container, *netns, *ifname, *path;
    char *input;                /* The configuration as it came. */
    struct json *config;
    const char *version, *name, *ipam;
    uint32_t tenant, mtu;
    char *owner;
};

/* Prints 'o' and frees it. */
static void
print_json(struct json *o)
{
    char *s = json_to_string(o, JSSF_SORT);

    puts(s);
    free(s);
    json_destroy(o);
}

/* Prints 'msg' as an error with 'code' and ends the program. */
static void OVS_NO_RETURN
fail(const struct call *call, int code, const char *msg)
{
    struct json *o = json_object_create();

    json_object_put_string(o, "cniVersion",
                           call->version ? call->version : NEWEST_VERSION);
    json_object_put(o, "code", json_integer_create(code));
    json_object_put_string(o, "msg", msg);
    print_json(o);
    exit(EXIT_FAILURE);
}

/* Likewise, with a formatted message. */
static void OVS_NO_RETURN OVS_PRINTF_FORMAT(3, 4)
failf(const struct call *call, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fail(call, code, xvasprintf(format, args));
}

/* What comes in. */

/* Returns the member 'name' of 'o', which may be null or no object, if there
 * is one of this 'type', else null. */
static const struct json *
get(const struct json *o, const char *name, enum json_type type)
{
    const struct json *member
        = o && o->type == JSON_OBJECT ? shash_find_data(json_object(o), name)
        : NULL;

    return member && member->type == type ? member : NULL;
}

/* Returns the string 'name' of 'o', or null. */
static const char *
get_string(const struct json *o, const char *name)
{
    const struct json *s = get(o, name, JSON_STRING);

    return s ? json_string(s) : NULL;
}

/* Returns the number 'name' of the configuration, or 0. */
static uint32_t
get_number(const struct call *call, const char *name, uint32_t max)
{
    const struct json *x = shash_find_data(json_object(call->config), name);

    if (!x) {
        return 0;
    }
    if (x->type != JSON_INTEGER || json_integer(x) < 0
        || json_integer(x) > max) {
        failf(call, CNI_INVALID_CONFIG, "%s is not a number up to %"PRIu32,
              name, max);
    }
    return json_integer(x);
}

/* Returns the environment variable 'name', or ends the program with an error
 * if it is empty or not set. */
static const char *
need_env(const struct call *call, const char *name)
{
    const char *value = getenv(name);

    if (!value || !value[0]) {
        failf(call, CNI_INVALID_ENVIRONMENT, "%s is not set", name);
    }
    return value;
}

/* Reads the configuration from standard input into 'call->input', for the
 * caller to free, or ends the program with an error. */
static void
read_input(struct call *call)
{
    struct ds input = DS_EMPTY_INITIALIZER;
    char buf[4096];
    size_t n;

    while ((n = fread(buf, 1, sizeof buf, stdin)) > 0) {
        ds_put_buffer(&input, buf, n);
    }
    if (ferror(stdin)) {
        fail(call, CNI_IO_FAILURE, "cannot read the configuration");
    }
    call->input = ds_steal_cstr(&input);
}

/* Returns whether results of this version are known here. */
static bool
is_known_version(const char *version)
{
    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        if (!strcmp(version, versions[i])) {
            return true;
        }
    }
    return false;
}

/* Parses 'call->input', or ends the program with an error.  The strings that
 * it stores are parts of 'call->config', which the caller destroys. */
static void
parse_config(struct call *call)
{
    struct json *config = json_from_string(call->input);
    const char *version;

    if (config->type != JSON_OBJECT) {
        failf(call, CNI_INVALID_JSON,
              "the configuration is no JSON object%s%s",
              config->type == JSON_STRING ? ": " : "",
              config->type == JSON_STRING ? json_string(config) : "");
    }
    version = get_string(config, "cniVersion");
    if (!version || !is_known_version(version)) {
        failf(call, CNI_INCOMPATIBLE_VERSION, "cniVersion %s is not supported",
              version ? version : "0.1.0");
    }
    call->config = config;
    call->version = version;
    call->name = get_string(config, "name");
    call->ipam = get_string(get(config, "ipam", JSON_OBJECT), "type");
    if (!call->name || !is_word(call->name)) {
        fail(call, CNI_INVALID_CONFIG, "there is no name, or none of letters, "
             "digits and _.-");
    } else if (!call->ipam || !is_word(call->ipam)) {
        fail(call, CNI_INVALID_CONFIG, "ipam has no type");
    }
    call->tenant = get_number(call, "tenant", UINT32_MAX);
    call->mtu = get_number(call, "mtu", 65535);
}

/* Reads the environment, after the configuration, or ends the program with an
 * error.  'call->owner' is for the caller to free. */
static void
parse_environment(struct call *call)
{
    char *error;

    call->container = need_env(call, "CNI_CONTAINERID");
    call->ifname = need_env(call, "CNI_IFNAME");
    call->path = need_env(call, "CNI_PATH");
    call->netns = (strcmp(call->command, "DEL") ? need_env(call, "CNI_NETNS")
                   : getenv("CNI_NETNS"));
    error = check_ifname(call->ifname);
    if (error) {
        failf(call, CNI_INVALID_ENVIRONMENT, "CNI_IFNAME %s", error);
    } else if (!is_word(call->container)) {
        failf(call, CNI_INVALID_ENVIRONMENT,
              "CNI_CONTAINERID '%s' is not one", call->container);
    }
    call->owner = xasprintf("cni:%s:%s:%s", call->name, call->container,
                            call->ifname);
}

/* The plugin that manages addresses. */

/* Returns the path of the plugin, for the caller to free. */
static char *
find_ipam(const struct call *call)
{
    char *path = xstrdup(call->path);
    char *found = NULL;
    char *save = NULL;

    for (char *dir = strtok_r(path, ":", &save); dir && !found;
         dir = strtok_r(NULL, ":", &save)) {
        found = xasprintf("%s/%s", dir, call->ipam);
        if (access(found, X_OK)) {
            free(found);
            found = NULL;
        }
    }
    free(path);
    if (!found) {
        failf(call, CNI_INVALID_CONFIG, "there is no plugin '%s' in CNI_PATH",
              call->ipam);
    }
    return found;
}

/* Has the plugin carry out 'command' and returns what it printed, or null.  If
 * it fails, returns what it printed, too, and sets '*failed'. */
static struct json *
run_ipam(const struct call *call, const char *command, bool *failed)
{
    char *program = find_ipam(call);
    char *argv[] = { program, NULL };
    struct ds output = DS_EMPTY_INITIALIZER;
    struct json *result;

    setenv("CNI_COMMAND", command, 1);
    *failed = !program_run(argv, NULL, call->input, false, &output);
    setenv("CNI_COMMAND", call->command, 1);
    result = output.length ? json_from_string(ds_cstr(&output)) : NULL;
    ds_destroy(&output);
    free(program);
    return result;
}

/* Has the plugin carry out 'command', and ends the program with its error if
 * that fails. */
static struct json *
need_ipam(const struct call *call, const char *command)
{
    bool failed;
    struct json *result = run_ipam(call, command, &failed);

    if (failed && get_string(result, "msg")) {
        if (!get_string(result, "cniVersion")) {
            json_object_put_string(result, "cniVersion", call->version);
        }
        print_json(result);
        exit(EXIT_FAILURE);
    } else if (failed) {
        failf(call, CNI_FAILED, "the plugin '%s' failed", call->ipam);
    }
    return result;
}

/* Has the plugin take the address back, and does not mind if that fails. */
static void
release_address(const struct call *call)
{
    bool failed;

    json_destroy(run_ipam(call, "DEL", &failed));
}

/* Stores the IPv4 address, of those in the "ips" of 'result', in '*ip'. */
static char *
get_address(const struct json *result, uint32_t *ip)
{
    const struct json *ips = get(result, "ips", JSON_ARRAY);

    for (size_t i = 0; ips && i < ovs_compat_json_array_size(ips); i++) {
        const char *address = get_string(ovs_compat_json_array_at(ips, i),
                                         "address");
        char *s, *error;

        if (address && !strchr(address, ':')) {
            s = xmemdup0(address, strcspn(address, "/"));
            error = parse_address(s, ip);
            free(s);
            return error;
        }
    }
    return xstrdup("there is no IPv4 address among \"ips\"");
}

/* Commands. */

/* These return parts of a result, for the caller to destroy.  Of an interface,
 * 'mac' and 'sandbox' may be null. */
static struct json *
describe_interface(const char *name, const char *mac, const char *sandbox)
{
    struct json *o = json_object_create();

    json_object_put_string(o, "name", name);
    if (mac) {
        json_object_put_string(o, "mac", mac);
    }
    if (sandbox) {
        json_object_put_string(o, "sandbox", sandbox);
    }
    return o;
}

static struct json *
describe_address(const struct call *call, uint32_t ip)
{
    struct json *o = json_object_create();
    char buf[IP_FMT_SIZE];

    if (call->version[0] == '0') {
        json_object_put_string(o, "version", "4");
    }
    json_object_put_format(o, "address", "%s/32", format_ip(ip, buf));
    json_object_put_string(o, "gateway", GATEWAY_IP);
    json_object_put(o, "interface", json_integer_create(1));
    return o;
}

static struct json *
describe_route(void)
{
    struct json *o = json_object_create();

    json_object_put_string(o, "dst", "0.0.0.0/0");
    json_object_put_string(o, "gw", GATEWAY_IP);
    return o;
}

/* Prints what "ADD" has to say of the address 'ip'.  'ipam' is what the plugin
 * said. */
static void
print_result(const struct call *call, uint32_t ip, const struct json *ipam)
{
    const struct json *dns = get(call->config, "dns", JSON_OBJECT);
    struct json *o = json_object_create();
    char device[IF_NAMESIZE], mac[18];

    if (!dns) {
        dns = get(ipam, "dns", JSON_OBJECT);
    }
    link_name(ip, call->tenant, device);
    link_mac(ip, mac);
    json_object_put_string(o, "cniVersion", call->version);
    json_object_put(o, "interfaces", json_array_create_2(
                        describe_interface(device, NULL, NULL),
                        describe_interface(call->ifname, mac, call->netns)));
    json_object_put(o, "ips",
                    json_array_create_1(describe_address(call, ip)));
    json_object_put(o, "routes", json_array_create_1(describe_route()));
    json_object_put(o, "dns", dns ? json_clone(dns) : json_object_create());
    print_json(o);
}

/* Connects to the database.  Even a check has to wait for changes of others,
 * in the midst of which rules are not what the database says. */
static struct db *
open_db(const struct call *call)
{
    struct db *db;
    char *error = db_open(NULL, true, false, &db);

    if (error) {
        fail(call, CNI_FAILED, error);
    }
    return db;
}

/* Checks that there is no such interface yet.  That has to be known before the
 * IPAM plugin is asked: it may know the interface, and what it says then must
 * not be taken back. */
static char *
check_new(const struct call *call, const struct db *db)
{
    struct overlay overlay;
    const struct container *c;
    char *path, *id, ip[IP_FMT_SIZE];
    char *error = netns_find(call->netns, &path, &id);

    if (error) {
        return error;
    }
    error = overlay_load(db, &overlay);
    if (!error) {
        c = overlay_find_netns(&overlay, path, id, call->ifname);
        if (!c) {
            c = overlay_find_owner(&overlay, call->owner);
        }
        if (c && netns_is_same(c->netns, c->netns_id)
            && link_exists(c->device)) {
            error = xasprintf("%s in %s is attached as %s already", c->ifname,
                              c->netns, format_ip(c->ip, ip));
        }
        overlay_destroy(&overlay);
    }
    free(path);
    free(id);
    return error;
}

/* "ADD".  Like those below, it ends the program with an error if it fails. */
static void
run_add(const struct call *call)
{
    struct attachment a = {
        .netns = call->netns,
        .ifname = call->ifname,
        .owner = call->owner,
        .tenant = call->tenant,
        .mtu = call->mtu,
    };
    struct db *db;
    struct json *ipam;
    char *error;

    if (get(call->config, "prevResult", JSON_OBJECT)) {
        fail(call, CNI_INVALID_CONFIG, "there is a prevResult: "
             "ovs-ipo-cni must be the first plugin of its network");
    }
    db = open_db(call);
    error = check_new(call, db);
    if (error) {
        fail(call, CNI_FAILED, error);
    }
    ipam = need_ipam(call, "ADD");
    error = get_address(ipam, &a.ip);
    if (!error) {
        error = overlay_attach(db, &a);
    }
    if (error) {
        release_address(call);
        fail(call, CNI_FAILED, error);
    }
    db_close(db);
    print_result(call, a.ip, ipam);
    json_destroy(ipam);
}

/* "DEL", which need not find anything. */
static void
run_del(const struct call *call)
{
    const struct container *c;
    struct overlay overlay;
    struct db *db = open_db(call);
    char *error = overlay_load(db, &overlay);

    if (!error) {
        c = overlay_find_owner(&overlay, call->owner);
        error = c ? overlay_detach(db, c) : NULL;
        overlay_destroy(&overlay);
    }
    db_close(db);
    if (error) {
        fail(call, CNI_FAILED, error);
    }
    json_destroy(need_ipam(call, "DEL"));
}

/* Checks what "ADD" made of the container and of the rules. */
static char *
check_container(const struct call *call, const struct overlay *overlay)
{
    const struct container *c = overlay_find_owner(overlay, call->owner);
    const struct json *before = get(call->config, "prevResult", JSON_OBJECT);
    struct rules_difference d;
    uint32_t ip;
    char *error;

    if (!c) {
        return xstrdup("the container is not attached");
    }
    error = get_address(before, &ip);
    if (error) {
        return error;
    } else if (ip != c->ip) {
        return xstrdup("the container has another address");
    } else if (!netns_is(c->netns, c->netns_id)) {
        return xasprintf("namespace %s is gone", c->netns);
    } else if (!link_exists(c->device)) {
        return xasprintf("device %s is gone", c->device);
    }
    error = link_check(c);
    if (!error) {
        error = rules_check(overlay, &d);
    }
    return (error ? error
            : d.missing || d.extra ? xstrdup("the rules are not in order")
            : NULL);
}

/* "CHECK" */
static void
run_check(const struct call *call)
{
    struct overlay overlay;
    struct db *db;
    char *error;

    if (!get(call->config, "prevResult", JSON_OBJECT)) {
        fail(call, CNI_INVALID_CONFIG, "prevResult is missing");
    }
    json_destroy(need_ipam(call, "CHECK"));
    db = open_db(call);
    error = overlay_load(db, &overlay);
    if (!error) {
        error = overlay_require(&overlay);
    }
    if (!error) {
        error = check_container(call, &overlay);
    }
    overlay_destroy(&overlay);
    db_close(db);
    if (error) {
        fail(call, CNI_FAILED, error);
    }
}

/* "VERSION", with the configuration 'input'. */
static void
run_version(const char *input)
{
    struct json *known = json_array_create_empty();
    struct json *config = json_from_string(input);
    const char *version = get_string(config, "cniVersion");
    struct json *o = json_object_create();

    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        json_array_add(known, json_string_create(versions[i]));
    }
    json_object_put_string(o, "cniVersion",
                           version ? version : NEWEST_VERSION);
    json_object_put(o, "supportedVersions", known);
    print_json(o);
    json_destroy(config);
}

int
main(int argc OVS_UNUSED, char *argv[])
{
    static const struct {
        const char *name;
        void (*run)(const struct call *);
    } commands[] = {
        { "ADD", run_add },
        { "CHECK", run_check },
        { "DEL", run_del },
    };
    struct call call = { .version = NULL };

    set_program_name(argv[0]);
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_ERR);
    fatal_ignore_sigpipe();
    call.command = getenv("CNI_COMMAND");
    if (!call.command) {
        ovs_fatal(0, "this is a CNI plugin, which container runtimes call; "
                  "see ovs-ipo-cni(8)");
    } else if (!strcmp(call.command, "VERSION")) {
        read_input(&call);
        run_version(call.input);
        free(call.input);
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (!strcmp(call.command, commands[i].name)) {
            read_input(&call);
            parse_config(&call);
            parse_environment(&call);
            block_signals();
            limit_begin(TIMEOUT);
            commands[i].run(&call);
            json_destroy(call.config);
            free(call.input);
            free(call.owner);
            return EXIT_SUCCESS;
        }
    }
    failf(&call, CNI_INVALID_ENVIRONMENT, "CNI_COMMAND '%s' is unknown",
          call.command);
}
