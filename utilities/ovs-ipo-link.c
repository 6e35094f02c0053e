/* SPDX-License-Identifier: Apache-2.0 */

/* The pair of veth devices between a container and the bridge.
 *
 * All that the kernel is told goes through ip(8) and ethtool(8). */

#include <config.h>
#include "ovs-ipo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "socket-util.h"
#include "util.h"

/* Namespaces. */

/* Returns whether 'word' can be a PID: it has digits only. */
static bool
is_pid(const char *word)
{
    return word[0] && !word[strspn(word, "0123456789")];
}

/* Returns the path of the network namespace 'word', which may be missing, for
 * the caller to free: 'word' is the name of one of "ip netns", a path, or the
 * PID of a process in it. */
char *
netns_path(const char *word)
{
    return (strchr(word, '/') ? xstrdup(word)
            : is_pid(word) ? xasprintf("/proc/%s/ns/net", word)
            : xasprintf("/run/netns/%s", word));
}

/* Finds the network namespace 'word'.  Stores its path, and in '*id' what
 * tells it from another one at the same path, both for the caller to free. */
char *
netns_find(const char *word, char **path, char **id)
{
    struct stat s;
    char *error;

    *path = netns_path(word);
    error = check_path(*path);
    if (error) {
        free(*path);
        return error;
    }
    if (stat(*path, &s) || S_ISDIR(s.st_mode)) {
        free(*path);
        return (is_pid(word) ? xasprintf("there is no process %s", word)
                : xasprintf("there is no namespace '%s'", word));
    }
    *id = xasprintf("%"PRIuMAX":%"PRIuMAX, (uintmax_t) s.st_dev,
                    (uintmax_t) s.st_ino);
    return NULL;
}

/* Returns whether the namespace at 'path' is there, and is 'id' unless that is
 * null. */
static bool
netns_matches(const char *path, const char *id)
{
    char *found, *found_id, *error;
    bool same;

    error = netns_find(path, &found, &found_id);
    if (error) {
        free(error);
        return false;
    }
    same = !id || !strcmp(id, found_id);
    free(found);
    free(found_id);
    return same;
}

/* Returns whether the namespace at 'path' is there, and if 'path' is one of a
 * process, whose number another one may have by now, is still 'id'. */
bool
netns_is(const char *path, const char *id)
{
    return netns_matches(path, strncmp(path, "/proc/", 6) ? NULL : id);
}

/* Returns whether the namespace at 'path' is 'id', not one that was made anew
 * at the same path. */
bool
netns_is_same(const char *path, const char *id)
{
    return netns_matches(path, id);
}

/* Programs. */

/* Lets the program that this process becomes have standard input, output and
 * error only, and be ended by signals: with our connections it would keep the
 * database's lock after our end. */
static void
keep_to_itself(void)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *de;
    sigset_t none;

    while (dir && (de = readdir(dir))) {
        int fd = atoi(de->d_name);

        if (fd > STDERR_FILENO) {
            fcntl(fd, F_SETFD, FD_CLOEXEC);
        }
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Becomes 'argv', in the namespace at 'netns' unless that is null, with the
 * files 'in' and 'out' for standard input and output. */
static void OVS_NO_RETURN
become(char **argv, const char *netns, int in, int out)
{
    int fd = netns ? open(netns, O_RDONLY | O_CLOEXEC) : -1;

    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    if (netns && (fd < 0 || setns(fd, CLONE_NEWNET))) {
        printf("cannot enter namespace %s: %s\n", netns, ovs_strerror(errno));
    } else {
        keep_to_itself();
        execvp(argv[0], argv);
        printf("%s: %s\n", argv[0], ovs_strerror(errno));
    }
    fflush(stdout);
    _exit(127);
}

/* Appends what comes from 'fd' until its end to 'output'. */
static void
read_all(int fd, struct ds *output)
{
    char buf[512];
    ssize_t n;

    while ((n = read(fd, buf, sizeof buf)) > 0 || (n < 0 && errno == EINTR)) {
        ds_put_buffer(output, buf, MAX(n, 0));
    }
}

/* Returns a file to read 'input' from, or -1. */
static int
open_input(const char *input)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    size_t done;

    if (fd >= 0 && (write_fully(fd, input, strlen(input), &done)
                    || lseek(fd, 0, SEEK_SET))) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Runs 'argv', in the namespace at 'netns' unless that is null, with 'input'.
 * What it prints is appended to 'output', its errors only 'with_errors'.
 * Returns whether it succeeds. */
bool
program_run(char **argv, const char *netns, const char *input,
            bool with_errors, struct ds *output)
{
    int in = open_input(input);
    int status = -1;
    int out[2];
    pid_t pid;

    if (in < 0) {
        return false;
    }
    xpipe(out);
    fflush(stdout);
    pid = fork();
    if (!pid) {
        close(out[0]);
        if (with_errors) {
            dup2(out[1], STDERR_FILENO);
        }
        become(argv, netns, in, out[1]);
    }
    close(in);
    close(out[1]);
    if (pid > 0) {
        read_all(out[0], output);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
            continue;
        }
    }
    close(out[0]);
    return !status;
}

/* Returns line 'number', from 1, of 'text', for the caller to free. */
static char *
get_line(const char *text, unsigned int number)
{
    while (--number && strchr(text, '\n')) {
        text = strchr(text, '\n') + 1;
    }
    return xmemdup0(text, strcspn(text, "\n"));
}

/* Makes one line of what "ip -batch" complained about while it carried out
 * 'commands'. */
static char *
explain_batch(const char *commands, const char *output)
{
    const char *failed = strstr(output, "Command failed -:");
    char *what = get_line(output, 1);
    char *error;

    if (failed && failed != output) {
        char *command = get_line(commands, atoi(failed + 17));

        error = xasprintf("ip %s: %s", command, what);
        free(command);
        free(what);
        return error;
    }
    error = xasprintf("ip: %s", what[0] ? what : "failed without a message");
    free(what);
    return error;
}

/* Has ip(8) carry out 'commands', a line each, until one fails. */
static char *
run_ip(const char *netns, const char *commands, bool dry_run)
{
    char *argv[] = { "ip", "-batch", "-", NULL };
    struct ds output = DS_EMPTY_INITIALIZER;
    char *error = NULL;

    if (dry_run) {
        for (const char *p = commands; *p; p += strcspn(p, "\n") + 1) {
            printf("%s%s%sip %.*s\n", netns ? "nsenter --net=" : "",
                   netns ? netns : "", netns ? " " : "",
                   (int) strcspn(p, "\n"), p);
        }
    } else if (!program_run(argv, netns, commands, true, &output)) {
        error = explain_batch(commands, ds_cstr(&output));
    }
    ds_destroy(&output);
    return error;
}

/* Has the containers' kernel fill in checksums by itself, which the userspace
 * datapath does not do. */
static char *
disable_offloads(const struct container *c, bool dry_run)
{
    char *ifname = CONST_CAST(char *, c->ifname);
    char *argv[] = { "ethtool", "-K", ifname, "tx", "off", NULL };
    struct ds output = DS_EMPTY_INITIALIZER;
    char *error = NULL;

    if (dry_run) {
        printf("nsenter --net=%s ethtool -K %s tx off\n", c->netns, ifname);
    } else if (!program_run(argv, c->netns, "", true, &output)) {
        char *what = get_line(ds_cstr(&output), 1);

        error = xasprintf("ethtool -K %s tx off: %s", ifname, what);
        free(what);
    }
    ds_destroy(&output);
    return error;
}

/* Devices. */

/* Stores the MAC address of the container 'ip' in 'mac'. */
void
link_mac(uint32_t ip, char mac[18])
{
    snprintf(mac, 18, "02:42:%02x:%02x:%02x:%02x",
             ip >> 24, ip >> 16 & 0xff, ip >> 8 & 0xff, ip & 0xff);
}

/* Stores the name of this node's end of the pair for container 'ip' of
 * 'tenant' in 'name': "v" and both, in digits and letters. */
void
link_name(uint32_t ip, uint32_t tenant, char name[IF_NAMESIZE])
{
    uint64_t x = (uint64_t) tenant << 32 | ip;
    char digits[IF_NAMESIZE];
    size_t n = 0;

    do {
        digits[n++] = "0123456789abcdefghijklmnopqrstuvwxyz"[x % 36];
        x /= 36;
    } while (x);
    *name++ = 'v';
    while (n) {
        *name++ = digits[--n];
    }
    *name = '\0';
}

/* Returns whether this namespace has a device 'name'. */
bool
link_exists(const char *name)
{
    return if_nametoindex(name) != 0;
}

/* Stores the MAC address of this node's end of the pair for container 'ip' in
 * 'mac'.  It shows whose the device is from its first moment on. */
static void
link_node_mac(uint32_t ip, char mac[18])
{
    link_mac(ip, mac);
    memcpy(mac, "06", 2);
}

/* Returns whether the device of container 'ip' of 'tenant' is there, but was
 * not made by link_create(). */
bool
link_is_strange(uint32_t ip, uint32_t tenant)
{
    char name[IF_NAMESIZE], mac[18], found[18];
    struct ifreq ifr;

    link_name(ip, tenant, name);
    if (!link_exists(name)) {
        return false;
    }
    link_node_mac(ip, mac);
    if (af_inet_ifreq_ioctl(name, &ifr, SIOCGIFHWADDR, "SIOCGIFHWADDR")) {
        return true;
    }
    snprintf(found, sizeof found, ETH_ADDR_FMT, ETH_ADDR_BYTES_ARGS(
                 (const uint8_t *) ifr.ifr_hwaddr.sa_data));
    return strcmp(mac, found);
}

/* Appends what makes the container's end what it is.  'verb' is "add", which
 * spares what is there, or "replace". */
static void
put_container_end(struct ds *commands, const struct container *c,
                  const char *verb)
{
    char ip[IP_FMT_SIZE];

    ds_put_format(commands, "link set dev %s mtu %u up\n", c->ifname, c->mtu);
    ds_put_format(commands, "addr replace %s/32 dev %s\n",
                  format_ip(c->ip, ip), c->ifname);
    ds_put_format(commands, "route %s "GATEWAY_IP" dev %s scope link\n",
                  verb, c->ifname);
    ds_put_format(commands, "neigh replace "GATEWAY_IP" lladdr "GATEWAY_MAC
                  " dev %s nud permanent\n", c->ifname);
    ds_put_format(commands, "route %s default via "GATEWAY_IP" dev %s\n",
                  verb, c->ifname);
}

/* Sets 'key' of this node's end of the pair, a sysctl below "net", to 'value'.
 * A key that there is not, as without IPv6, is no error. */
static char *
set_sysctl(const char *family, const struct container *c, const char *key,
           const char *value, bool dry_run)
{
    char *path = xasprintf("/proc/sys/net/%s/conf/%s/%s", family, c->device,
                           key);
    char *error = NULL;
    int fd;

    if (dry_run) {
        printf("echo %s > %s\n", value, path);
    } else {
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if ((fd < 0 && errno != ENOENT)
            || (fd >= 0 && write(fd, value, strlen(value)) < 0)) {
            error = xasprintf("%s: %s", path, ovs_strerror(errno));
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    free(path);
    return error;
}

/* Keeps packets of the container from this node's own network stack.  That
 * gets all of them if the datapath is userspace's, which only reads along, and
 * those of a moment in which the device is in no bridge if it is the kernel's.
 * No address has a way back by this device, so with rp_filter all are
 * dropped. */
static char *
isolate(const struct container *c, bool dry_run)
{
    static const struct {
        const char *family, *key, *value;
    } settings[] = {
        { "ipv4", "rp_filter", "1" },
        { "ipv4", "arp_ignore", "8" },
        { "ipv4", "forwarding", "0" },
        { "ipv6", "disable_ipv6", "1" },
    };
    char *error = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(settings) && !error; i++) {
        error = set_sysctl(settings[i].family, c, settings[i].key,
                           settings[i].value, dry_run);
    }
    return error;
}

/* Does what is left for the devices of 'c': keeps its packets from this node's
 * own stack, sets this node's end up and, if 'userspace', turns offloads
 * off. */
static char *
finish(const struct container *c, bool userspace, bool dry_run)
{
    char *up = xasprintf("link set %s mtu %u up\n", c->device, c->mtu);
    char *error = isolate(c, dry_run);

    if (!error) {
        error = run_ip(NULL, up, dry_run);
    }
    free(up);
    return error || !userspace ? error : disable_offloads(c, dry_run);
}

/* Makes the devices of 'c' and sets them up, for a bridge of the userspace
 * datapath if 'userspace'.  There is none of them afterwards if that fails. */
char *
link_create(const struct container *c, bool userspace, bool dry_run)
{
    char *here = dry_run ? xstrdup("$$") : xasprintf("%d", (int) getpid());
    struct ds commands = DS_EMPTY_INITIALIZER;
    char mac[18], node_mac[18];
    char *error;

    link_mac(c->ip, mac);
    link_node_mac(c->ip, node_mac);
    ds_put_cstr(&commands, "link set lo up\n");
    ds_put_format(&commands, "link add name %s address %s type veth "
                  "peer name %s address %s netns %s\n", c->ifname, mac,
                  c->device, node_mac, here);
    free(here);
    put_container_end(&commands, c, "add");
    error = run_ip(c->netns, ds_cstr(&commands), dry_run);
    if (!error) {
        error = finish(c, userspace, dry_run);
    }
    if (error && link_exists(c->device)) {
        free(link_delete(c->device, dry_run));
    }
    ds_destroy(&commands);
    return error;
}

/* Sets the devices of 'c' up again. */
char *
link_repair(const struct container *c, bool userspace, bool dry_run)
{
    struct ds commands = DS_EMPTY_INITIALIZER;
    char *error;

    put_container_end(&commands, c, "replace");
    error = run_ip(c->netns, ds_cstr(&commands), dry_run);
    ds_destroy(&commands);
    return error ? error : finish(c, userspace, dry_run);
}

/* Returns whether ip(8) lists something in the namespace of 'c'. */
static bool
lists(const struct container *c, char **argv)
{
    struct ds output = DS_EMPTY_INITIALIZER;
    bool ok = program_run(argv, c->netns, "", true, &output) && output.length;

    ds_destroy(&output);
    return ok;
}

/* Checks that the container's end of the pair has its address, and the route
 * through it. */
char *
link_check(const struct container *c)
{
    char *ifname = CONST_CAST(char *, c->ifname);
    char ip[IP_FMT_SIZE];
    char *addr[] = { "ip", "-o", "-4", "addr", "show", "dev", ifname, "to",
                     CONST_CAST(char *, format_ip(c->ip, ip)), "up", NULL };
    char *route[] = { "ip", "-4", "route", "show", "default", "via",
                      GATEWAY_IP, "dev", ifname, NULL };

    return (!lists(c, addr) ? xasprintf("%s in %s does not have the address "
                                        "%s, or is down", ifname, c->netns, ip)
            : !lists(c, route) ? xasprintf("%s has no default route by %s",
                                           c->netns, ifname)
            : NULL);
}

/* Removes the pair that has the device 'name' here, if it is there. */
char *
link_delete(const char *name, bool dry_run)
{
    char *command, *error;

    if (!link_exists(name)) {
        return NULL;
    }
    command = xasprintf("link del %s\n", name);
    error = run_ip(NULL, command, dry_run);
    free(command);
    return error;
}

/* Stores the MTU of the device that has the address 'local_ip'. */
char *
link_underlay_mtu(uint32_t local_ip, unsigned int *mtu)
{
    char ip[IP_FMT_SIZE];
    struct ifaddrs *all;
    char *error = xasprintf("no device of this node has the address %s",
                            format_ip(local_ip, ip));

    if (getifaddrs(&all)) {
        return error;
    }
    for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
        const struct sockaddr_in *sin
            = ALIGNED_CAST(const struct sockaddr_in *, i->ifa_addr);
        struct ifreq ifr;

        if (sin && sin->sin_family == AF_INET
            && sin->sin_addr.s_addr == htonl(local_ip)
            && !af_inet_ifreq_ioctl(i->ifa_name, &ifr, SIOCGIFMTU, "MTU")) {
            *mtu = ifr.ifr_mtu;
            free(error);
            error = NULL;
            break;
        }
    }
    freeifaddrs(all);
    return error;
}
