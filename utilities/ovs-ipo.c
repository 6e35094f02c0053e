/* SPDX-License-Identifier: Apache-2.0 */

/* Puts containers onto an IPO overlay.  See ovs-ipo(8). */

#include <config.h>
#include "ovs-ipo.h"

#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fatal-signal.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "util.h"

static const char usage[] = "\
Usage: ovs-ipo [OPTION]... COMMAND\n\
\n\
Commands:\n\
  init --local-ip=IP --prefix=PREFIX [--bridge=BRIDGE] [--datapath-type=TYPE]\n\
                              make this host a node, or change what it is\n\
  deinit                      undo init\n\
  node add {IP PREFIX}...     remote nodes, and the prefixes of containers there\n\
  node del IP...\n\
  attach NETNS|PID IP [--tenant=N] [--ifname=NAME] [--mtu=BYTES]\n\
  detach NETNS|PID|IP [--tenant=N] [--ifname=NAME]\n\
  allow FROM TO [--tenant=N] [--delete]\n\
  deny FROM TO [--tenant=N] [--delete]\n\
                              packets from FROM to TO, addresses or prefixes,\n\
                              may pass or not; --delete withdraws it\n\
  sync                        restore devices and rules\n\
  status [--json]             print what there is, and whether it is in order\n\
\n\
Options:\n\
  -n, --dry-run               print what would be done, and do nothing\n\
  -t, --timeout=SECONDS       for the database and ovs-vswitchd (default: 30)\n\
  --db=DATABASE               connect to DATABASE\n\
  -v, --verbose[=SPEC]        log more, see ovs-vsctl(8)\n\
  -h, --help                  print this\n\
  -V, --version               print the version\n";

/* What the options say. */
struct options {
    const char *db;             /* Null: that of this host. */
    uint32_t timeout;           /* Seconds. */
    bool dry_run, json, delete;
    struct initialization init;
    bool any_tenant;            /* 'tenant' was not given. */
    uint32_t tenant, mtu;
    const char *ifname;         /* Null: not given. */
};

enum {
    OPT_BRIDGE = UCHAR_MAX + 1,
    OPT_DATAPATH_TYPE,
    OPT_DB,
    OPT_DELETE,
    OPT_IFNAME,
    OPT_JSON,
    OPT_LOCAL_IP,
    OPT_MTU,
    OPT_PREFIX,
    OPT_TENANT,
    OPT_LAST
};

struct command {
    const char *word, *verb;    /* 'verb' may be null. */
    int min_args, max_args;
    const char *options;        /* Those that it has beside the general. */
    bool changes;
    char *(*run)(struct db *, char *args[], int n, const struct options *);
};

static const struct option long_options[] = {
    { "bridge", required_argument, NULL, OPT_BRIDGE },
    { "datapath-type", required_argument, NULL, OPT_DATAPATH_TYPE },
    { "db", required_argument, NULL, OPT_DB },
    { "delete", no_argument, NULL, OPT_DELETE },
    { "dry-run", no_argument, NULL, 'n' },
    { "help", no_argument, NULL, 'h' },
    { "ifname", required_argument, NULL, OPT_IFNAME },
    { "json", no_argument, NULL, OPT_JSON },
    { "local-ip", required_argument, NULL, OPT_LOCAL_IP },
    { "mtu", required_argument, NULL, OPT_MTU },
    { "prefix", required_argument, NULL, OPT_PREFIX },
    { "tenant", required_argument, NULL, OPT_TENANT },
    { "timeout", required_argument, NULL, 't' },
    { "verbose", optional_argument, NULL, 'v' },
    { "version", no_argument, NULL, 'V' },
    { NULL, 0, NULL, 0 },
};

/* Ends the program with 'error', if it is one. */
static void
fail_if(char *error)
{
    if (error) {
        ovs_fatal(0, "%s", error);
    }
}

/* Commands.  They get 'n' arguments, 'args', as many as 'commands' says, and
 * return null, or an error for the caller to free. */

/* "init" */
static char *
run_init(struct db *db, char *args[] OVS_UNUSED, int n OVS_UNUSED,
         const struct options *o)
{
    if (!o->init.local_ip) {
        return xstrdup("init: --local-ip is missing");
    } else if (!o->init.prefix.len) {
        return xstrdup("init: --prefix is missing");
    }
    return overlay_init(db, &o->init);
}

/* "deinit" */
static char *
run_deinit(struct db *db, char *args[] OVS_UNUSED, int n OVS_UNUSED,
           const struct options *o OVS_UNUSED)
{
    return overlay_deinit(db);
}

/* "node add" */
static char *
run_node_add(struct db *db, char *args[], int n,
             const struct options *o OVS_UNUSED)
{
    struct remote *remotes = xmalloc(n * sizeof *remotes);
    char *error = n % 2 ? xasprintf("node %s: no prefix", args[n - 1]) : NULL;

    for (int i = 0; i < n / 2 && !error; i++) {
        error = parse_address(args[2 * i], &remotes[i].ip);
        if (!error) {
            error = parse_prefix(args[2 * i + 1], &remotes[i].prefix);
        }
    }
    if (!error) {
        error = overlay_add_remotes(db, remotes, n / 2);
    }
    free(remotes);
    return error;
}

/* "node del" */
static char *
run_node_del(struct db *db, char *args[], int n,
             const struct options *o OVS_UNUSED)
{
    uint32_t *ips = xmalloc(n * sizeof *ips);
    char *error = NULL;

    for (int i = 0; i < n && !error; i++) {
        error = parse_address(args[i], &ips[i]);
    }
    if (!error) {
        error = overlay_del_remotes(db, ips, n);
    }
    free(ips);
    return error;
}

/* "attach" */
static char *
run_attach(struct db *db, char *args[], int n OVS_UNUSED,
           const struct options *o)
{
    struct attachment a = {
        .netns = args[0],
        .ifname = o->ifname ? o->ifname : "eth0",
        .tenant = o->tenant,
        .mtu = o->mtu,
    };
    char *error = parse_address(args[1], &a.ip);

    return error ? error : overlay_attach(db, &a);
}

/* Finds what "detach" is about by a namespace, which need not be there any
 * more. */
static const struct container *
find_by_netns(const struct overlay *overlay, char *word,
              const struct options *o)
{
    const struct container *c;
    char *path, *id;
    char *error;

    error = netns_find(word, &path, &id);
    if (error) {
        free(error);
        path = netns_path(word);
        id = NULL;
    }
    c = overlay_find_netns(overlay, path, id, o->ifname);
    free(path);
    free(id);
    return c;
}

/* Stores in '*c' what "detach" is about, by an address or a namespace; null if
 * there is none. */
static char *
find_container(const struct overlay *overlay, char *word,
               const struct options *o, const struct container **c)
{
    uint32_t ip;
    char *error = parse_address(word, &ip);

    if (!error) {
        *c = overlay_find_ip(overlay, ip, o->tenant);
        return NULL;
    }
    free(error);
    *c = find_by_netns(overlay, word, o);
    return (*c && !o->any_tenant && (*c)->tenant != o->tenant
            ? xasprintf("%s in %s is of tenant %"PRIu32, (*c)->ifname,
                        (*c)->netns, (*c)->tenant)
            : NULL);
}

/* "detach", which need not find anything. */
static char *
run_detach(struct db *db, char *args[], int n OVS_UNUSED,
           const struct options *o)
{
    const struct container *c = NULL;
    struct overlay overlay;
    char *error = overlay_load(db, &overlay);

    if (!error) {
        error = overlay_require_bridge(&overlay);
    }
    if (!error) {
        error = find_container(&overlay, args[0], o, &c);
    }
    if (!error && c) {
        error = overlay_detach(db, c);
    } else if (!error) {
        printf("%s is not attached\n", args[0]);
    }
    overlay_destroy(&overlay);
    return error;
}

/* Carries out "allow" if 'allow', else "deny". */
static char *
set_policy(struct db *db, char *args[], bool allow, const struct options *o)
{
    struct policy p = { .tenant = o->tenant, .allow = allow };
    char *error = parse_prefix(args[0], &p.src);

    if (!error) {
        error = parse_prefix(args[1], &p.dst);
    }
    return error ? error : overlay_set_policy(db, &p, o->delete);
}

/* "allow" */
static char *
run_allow(struct db *db, char *args[], int n OVS_UNUSED,
          const struct options *o)
{
    return set_policy(db, args, true, o);
}

/* "deny" */
static char *
run_deny(struct db *db, char *args[], int n OVS_UNUSED,
         const struct options *o)
{
    return set_policy(db, args, false, o);
}

/* Checks that the tunnel ports, if there is an overlay, are ports. */
static char *
check_tunnels(struct db *db)
{
    static const char *names[] = { PLAIN_PORT, TENANT_PORT };
    char *error = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(names) && !error; i++) {
        if (db_has_port(db, names[i])) {
            error = db_check_interface(db, names[i]);
        }
    }
    return error;
}

/* "sync" */
static char *
run_sync(struct db *db, char *args[] OVS_UNUSED, int n OVS_UNUSED,
         const struct options *o OVS_UNUSED)
{
    struct ds notes = DS_EMPTY_INITIALIZER;
    char *error = overlay_sync(db, &notes);

    /* A line each. */
    fputs(ds_cstr(&notes), stderr);
    ds_destroy(&notes);
    return error ? error : check_tunnels(db);
}

/* "status" */
static char *
run_status(struct db *db, char *args[] OVS_UNUSED, int n OVS_UNUSED,
           const struct options *o)
{
    return overlay_status(db, o->json);
}

static const struct command commands[] = {
    { "init", NULL, 0, 0, "bridge datapath-type local-ip prefix", true,
      run_init },
    { "deinit", NULL, 0, 0, "", true, run_deinit },
    { "node", "add", 2, INT_MAX, "", true, run_node_add },
    { "node", "del", 1, INT_MAX, "", true, run_node_del },
    { "attach", NULL, 2, 2, "ifname mtu tenant", true, run_attach },
    { "detach", NULL, 1, 1, "ifname tenant", true, run_detach },
    { "allow", NULL, 2, 2, "delete tenant", true, run_allow },
    { "deny", NULL, 2, 2, "delete tenant", true, run_deny },
    { "sync", NULL, 0, 0, "", true, run_sync },
    { "status", NULL, 0, 0, "json", false, run_status },
};

/* Returns the command that 'args', which end in a null pointer, begin with. */
static const struct command *
find_command(char *args[])
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        const struct command *c = &commands[i];

        if (!strcmp(args[0], c->word)
            && (!c->verb || (args[1] && !strcmp(args[1], c->verb)))) {
            return c;
        }
    }
    return NULL;
}

/* Options. */

/* Stores in '*o' the option 'c', whose value is in 'optarg', or ends the
 * program: with an error if it is a wrong one. */
static void
parse_option(int c, struct options *o)
{
    switch (c) {
    case OPT_BRIDGE:
        fail_if(check_ifname(optarg));
        o->init.bridge = optarg;
        break;
    case OPT_DATAPATH_TYPE:
        o->init.datapath_type = strcmp(optarg, "system") ? optarg : "";
        break;
    case OPT_DB:
        o->db = optarg;
        break;
    case OPT_DELETE:
        o->delete = true;
        break;
    case OPT_IFNAME:
        fail_if(check_ifname(optarg));
        o->ifname = optarg;
        break;
    case OPT_JSON:
        o->json = true;
        break;
    case OPT_LOCAL_IP:
        fail_if(parse_address(optarg, &o->init.local_ip));
        break;
    case OPT_MTU:
        fail_if(parse_number(optarg, 68, 65535, &o->mtu));
        break;
    case OPT_PREFIX:
        fail_if(parse_prefix(optarg, &o->init.prefix));
        break;
    case OPT_TENANT:
        fail_if(parse_number(optarg, 0, UINT32_MAX, &o->tenant));
        o->any_tenant = false;
        break;
    case 'n':
        o->dry_run = true;
        break;
    case 't':
        fail_if(parse_number(optarg, 1, 86400, &o->timeout));
        break;
    case 'v':
        vlog_set_verbosity(optarg);
        break;
    case 'h':
        fputs(usage, stdout);
        exit(EXIT_SUCCESS);
    case 'V':
        printf("ovs-ipo %s\n", OVS_IPO_VERSION);
        exit(EXIT_SUCCESS);
    default:
        exit(EXIT_FAILURE);
    }
}

/* Whether 'name' is one of the options that all commands have, or is in
 * 'own'. */
static bool
belongs(const char *name, const char *own)
{
    static const char *general[] = { "db", "dry-run", "timeout", "verbose" };
    char *words = xstrdup(own);
    char *save = NULL;
    bool found = false;

    for (size_t i = 0; i < ARRAY_SIZE(general); i++) {
        found |= !strcmp(name, general[i]);
    }
    for (char *w = strtok_r(words, " ", &save); w;
         w = strtok_r(NULL, " ", &save)) {
        found |= !strcmp(name, w);
    }
    free(words);
    return found;
}

/* Returns the name of the option with the value 'c', which must be one. */
static const char *
option_name(int c)
{
    const struct option *o = long_options;

    while (o->val != c) {
        o++;
    }
    return o->name;
}

/* Parses the options of the command line, after which the other words are
 * from 'optind' on, and stores which there are in 'given', by their values. */
static void
parse_options(int argc, char *argv[], struct options *o, bool given[OPT_LAST])
{
    int c;

    while ((c = getopt_long(argc, argv, "hnt:v::V", long_options,
                            NULL)) != -1) {
        parse_option(c, o);
        given[c] = true;
    }
}

/* Carries out 'c' with 'n' arguments, 'args'. */
static char *
run(const struct command *c, char *args[], int n, const struct options *o)
{
    bool changes = c->changes && !o->dry_run;
    struct db *db;
    char *error;

    if (changes) {
        block_signals();
    }
    fatal_ignore_sigpipe();
    limit_begin(o->timeout);
    error = db_open(o->db, changes, o->dry_run, &db);
    if (!error) {
        error = c->run(db, args, n, o);
    }
    db_close(db);
    return error;
}

int
main(int argc, char *argv[])
{
    struct options o = {
        .timeout = 30,
        .any_tenant = true,
        .init = { .bridge = "br-int" },
    };
    bool given[OPT_LAST] = { false };
    const struct command *c;
    char **args;
    int n;

    set_program_name(argv[0]);
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_ERR);
    parse_options(argc, argv, &o, given);
    args = argv + optind;
    n = argc - optind;
    if (!n) {
        ovs_fatal(0, "no command (try --help)");
    }
    c = find_command(args);
    if (!c) {
        ovs_fatal(0, "unknown command '%s%s%s' (try --help)", args[0],
                  n > 1 ? " " : "", n > 1 ? args[1] : "");
    }
    args += c->verb ? 2 : 1;
    n -= c->verb ? 2 : 1;
    if (n < c->min_args || n > c->max_args) {
        ovs_fatal(0, "%s: %s arguments (try --help)", c->word,
                  n < c->min_args ? "too few" : "too many");
    }
    for (int i = 0; i < OPT_LAST; i++) {
        if (given[i] && !belongs(option_name(i), c->options)) {
            ovs_fatal(0, "%s has no option --%s", c->word, option_name(i));
        }
    }
    fail_if(run(c, args, n, &o));
    return EXIT_SUCCESS;
}
