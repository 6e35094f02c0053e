/* SPDX-License-Identifier: Apache-2.0 */

/* Says what "probe" has found, and what to do. */

#include "ipoctl.h"
#include "ipoctl-probe.h"

#include <arpa/inet.h>
#include <netinet/ip_icmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BIT(KIND) (1u << (KIND))
#define BARES (BIT(PROBE_BARE_COMPACT) | BIT(PROBE_BARE_EXTENDED))
#define EXTENDED (BIT(PROBE_SHORT) | BIT(PROBE_SHORT_KEY) | BIT(PROBE_FULL) \
                  | BIT(PROBE_FULL_KEY))
#define IPO (BIT(PROBE_COMPACT) | EXTENDED)    /* What "auto" sends. */

/* What is found, each with a word for programs. */
struct finding {
    const char *code;
    bool unfit;
    char text[400];
};

static struct finding findings[32];
static size_t n_findings;

/* Adds a finding with the word 'code'.  It makes the network one that is not
 * fit for IPO if 'unfit'.  If there are too many, it gets lost. */
static void __attribute__((format(printf, 3, 4)))
find(const char *code, bool unfit, const char *format, ...)
{
    struct finding *f = &findings[n_findings];
    va_list args;

    if (n_findings >= ARRAY_SIZE(findings)) {
        return;
    }
    n_findings++;
    f->code = code;
    f->unfit = unfit;
    va_start(args, format);
    vsnprintf(f->text, sizeof f->text, format, args);
    va_end(args);
}

/* Returns whether any finding makes the network one that is not fit. */
static bool
is_unfit(void)
{
    for (size_t i = 0; i < n_findings; i++) {
        if (findings[i].unfit) {
            return true;
        }
    }
    return false;
}

/* Appends to the 'size' bytes of 'buf'. */
static void __attribute__((format(printf, 3, 4)))
append(char *buf, size_t size, const char *format, ...)
{
    size_t len = strlen(buf);
    va_list args;

    va_start(args, format);
    vsnprintf(buf + len, size - len, format, args);
    va_end(args);
}

/* Lists the names of 'kinds', bits. */
static const char *
names(unsigned int kinds, char buf[128])
{
    buf[0] = '\0';
    for (int kind = 0; kind < PROBE_N_KINDS; kind++) {
        if (kinds & BIT(kind)) {
            append(buf, 128, "%s%s", *buf ? ", " : "", probe_kinds[kind].name);
        }
    }
    return buf;
}

/* Says where hop 'n' is. */
static void
append_hop(const struct probe_run *run, const struct probe_result *r,
           unsigned int n, char *buf, size_t size)
{
    char name[INET_ADDRSTRLEN];
    bool is_last = r->n_hops && n >= r->n_hops;

    append(buf, size, "hop %u", n);
    if (is_last || (n <= PROBE_MAX_HOPS && r->hops[n])) {
        probe_name(is_last ? run->remote : r->hops[n], name);
        append(buf, size, " (%s)", name);
    }
}

/* Says where packets of 'kind' are lost. */
static const char *
place(const struct probe_run *run, const struct probe_result *r,
      enum probe_kind kind, char buf[160])
{
    unsigned int last = r->last_hop[kind];

    buf[0] = '\0';
    if (!r->swept[kind] || (!last && !r->last_hop[PROBE_PLAIN])) {
        append(buf, 160, "somewhere: no router says how far they get");
    } else if (r->n_hops && last >= r->n_hops) {
        append(buf, 160, "on the way back");
    } else {
        append(buf, 160, "at ");
        if (last) {
            append_hop(run, r, last, buf, 160);
        } else {
            append(buf, 160, "this host");
        }
        append(buf, 160, " or ");
        append_hop(run, r, last + 1, buf, 160);
    }
    return buf;
}

/* ICMP errors. */

/* Returns in words what the error says. */
static const char *
error_text(const struct probe_error *e)
{
    static const char *const unreachable[] = {
        "network unreachable", "host unreachable", "protocol unreachable",
        "port unreachable", "fragmentation needed", "source route failed",
        "network unknown", "host unknown", "source host isolated",
        "network administratively prohibited",
        "host administratively prohibited", "network unreachable for TOS",
        "host unreachable for TOS", "administratively prohibited",
        "host precedence violation", "precedence cutoff"
    };

    switch (e->type) {
    case ICMP_DEST_UNREACH:
        return (e->code < ARRAY_SIZE(unreachable) ? unreachable[e->code]
                                                  : "unreachable");
    case ICMP_TIME_EXCEEDED:
        return "time exceeded";
    default:
        return "parameter problem";
    }
}

/* Returns whether the error says that somebody does not want the packet. */
static bool
is_refusal(const struct probe_error *e)
{
    return e->type == ICMP_PARAMETERPROB
           || (e->type == ICMP_DEST_UNREACH
               && (e->code == ICMP_PROT_UNREACH || e->code == ICMP_NET_ANO
                   || e->code == ICMP_HOST_ANO
                   || e->code == ICMP_PKT_FILTERED));
}

/* Returns the first refusal of a packet of 'kinds', or null. */
static const struct probe_error *
find_refusal(const struct probe_run *run, unsigned int kinds)
{
    for (unsigned int i = 0; i < run->n_errors; i++) {
        if (is_refusal(&run->errors[i]) && run->errors[i].kinds & kinds) {
            return &run->errors[i];
        }
    }
    return NULL;
}

/* Returns those of 'kinds' that this host's own firewall refused. */
static unsigned int
refused_here(const struct probe_run *run, unsigned int kinds)
{
    unsigned int refused = 0;

    for (unsigned int i = 1; i < run->n_sent; i++) {
        if (run->sent[i].refused) {
            refused |= BIT(run->sent[i].kind);
        }
    }
    return refused & kinds;
}

/* Returns whether most packets of 'kind' arrive, answered or not. */
static bool
arrives(const struct probe_run *run, enum probe_kind kind)
{
    struct probe_count c = run_count(run, 1, run->n_sent, kind);

    return run->arrived[kind] && run->arrived[kind] * 5u >= c.sent * 4;
}

/* Says that 'what' does not pass, and where: 'kinds' show it, of which 'kind'
 * was followed. */
static void
find_loss(const struct probe_run *run, const struct probe_result *r,
          const char *code, const char *what, unsigned int kinds,
          enum probe_kind kind, bool unfit)
{
    const struct probe_error *e = find_refusal(run, kinds);
    char where[160], name[INET_ADDRSTRLEN];

    if (refused_here(run, kinds)) {
        find(code, unfit, "%s: refused by this host's own firewall", what);
    } else if (e) {
        probe_name(e->from, name);
        find(code, unfit, "%s: refused by %s, which says \"%s\"", what, name,
             error_text(e));
    } else if ((run->changed | run->answer_changed) & kinds) {
        find("changed", unfit, "%s: changed on the way %s", what,
             run->changed & kinds ? "there" : "back");
    } else if (arrives(run, kind)) {
        find(code, unfit, "%s: dropped on the way back; probe from there to "
             "see where", what);
    } else if (run->arrived[kind]) {
        find(code, unfit, "%s: few arrive, and no answer comes back", what);
    } else {
        find(code, unfit, "%s: dropped %s", what, place(run, r, kind, where));
    }
}

/* What does not pass. */

/* IPO's protocols, with or without an option. */
static void
find_protocols(const struct probe_run *run, const struct probe_result *r,
               unsigned int bad)
{
    unsigned int bares = bad & BARES;

    /* Where the option helps, so be it. */
    if (!(bad & BIT(PROBE_COMPACT))) {
        bares &= ~BIT(PROBE_BARE_COMPACT);
    }
    if (!(bad & EXTENDED)) {
        bares &= ~BIT(PROBE_BARE_EXTENDED);
    }
    if (bares == BARES
        && r->last_hop[PROBE_BARE_COMPACT]
           == r->last_hop[PROBE_BARE_EXTENDED]) {
        find_loss(run, r, "protocol-filtered",
                  "IP protocols 160 and 253, of IPO's 144 to 253, with and "
                  "without options", bares, PROBE_BARE_COMPACT, true);
        return;
    }
    if (bares & BIT(PROBE_BARE_COMPACT)) {
        find_loss(run, r, "protocol-filtered", "IP protocol 160, of compact "
                  "format's 144 to 252, with and without option",
                  BIT(PROBE_BARE_COMPACT), PROBE_BARE_COMPACT, true);
    }
    if (bares & BIT(PROBE_BARE_EXTENDED)) {
        find_loss(run, r, "protocol-filtered", "IP protocol 253, of short and "
                  "full format, with and without option",
                  BIT(PROBE_BARE_EXTENDED), PROBE_BARE_EXTENDED, true);
    }
}

/* Options, where the protocol passes without one. */
static void
find_options(const struct probe_run *run, const struct probe_result *r,
             unsigned int bad)
{
    unsigned int testable = 0, lost;
    char what[200], list[128];

    for (int kind = PROBE_NATIVE; kind < PROBE_N_KINDS; kind++) {
        if (!(bad & BIT(probe_kinds[kind].bare))) {
            testable |= BIT(kind);
        }
    }
    lost = bad & testable;
    if (lost & IPO && lost == testable) {
        enum probe_kind kind = lost & BIT(PROBE_COMPACT) ? PROBE_COMPACT
                                                         : PROBE_SHORT;

        find_loss(run, r, "options-dropped", "packets with IPv4 options",
                  lost, kind, true);
        return;
    }
    if (lost & BIT(PROBE_COMPACT)) {
        find_loss(run, r, "options-dropped",
                  "compact packets (IPv4 option 40)",
                  BIT(PROBE_COMPACT), PROBE_COMPACT, true);
    }
    if (lost & EXTENDED) {
        enum probe_kind kind = PROBE_SHORT;

        while (!(lost & BIT(kind))) {
            kind++;
        }
        snprintf(what, sizeof what, "%s packets (IPv4 option 158)",
                 names(lost & EXTENDED, list));
        find_loss(run, r, "options-dropped", what, lost & EXTENDED, kind,
                  true);
    }
    if (lost & BIT(PROBE_NATIVE)) {
        find_loss(run, r, "native-dropped", "native packets, which only the "
                  "kernel's devices send and only if told to (to a firewall "
                  "their UDP and TCP checksums are wrong)",
                  BIT(PROBE_NATIVE), PROBE_NATIVE, false);
    }
}

/* What passes, but badly. */

/* Adds up all that was sent of 'kind'. */
static struct probe_count
total(const struct probe_result *r, enum probe_kind kind)
{
    struct probe_count sum = { 0, 0, 0, 0 };

    for (int i = 0; i < PROBE_N_SIZES; i++) {
        sum.sent += r->count[kind][i].sent;
        sum.answered += r->count[kind][i].answered;
    }
    return sum;
}

/* Returns how many percent of 'c' were lost, or 0 if none was sent. */
static unsigned int
percent_lost(struct probe_count c)
{
    return c.sent ? ((c.sent - c.answered) * 100 + c.sent / 2) / c.sent : 0;
}

/* Returns whether clearly more of 'c' than of 'plain' is lost. */
static bool
is_lossier(struct probe_count c, struct probe_count plain)
{
    return c.sent - c.answered >= 3
           && percent_lost(c) >= percent_lost(plain) + 15;
}

/* Returns whether even the fast ones of 'kind' take much longer than most
 * plain packets do, whatever their size. */
static bool
is_slower(const struct probe_result *r, enum probe_kind kind)
{
    bool slower = false;

    for (int i = 0; i < PROBE_N_SIZES; i++) {
        uint64_t plain = r->count[PROBE_PLAIN][i].median;
        uint64_t time = r->count[kind][i].quartile;

        if (plain && time) {
            if (time <= 3 * plain || time - plain <= PROBE_MS) {
                return false;
            }
            slower = true;
        }
    }
    return slower;
}

/* Kinds that pass, but of which clearly more is lost than of plain packets;
 * and plain packets, if a tenth of them or more is lost. */
static void
find_loss_rates(const struct probe_result *r)
{
    struct probe_count plain = total(r, PROBE_PLAIN), all = { 0, 0, 0, 0 };
    struct probe_count burst = { 0, 0, 0, 0 };
    unsigned int lossy = 0, bare_lossy = 0;
    char list[128];

    for (int kind = PROBE_BARE_COMPACT; kind < PROBE_N_KINDS; kind++) {
        struct probe_count c = total(r, kind), b = r->burst[kind];

        if (!(r->passing & BIT(kind))
            || (!is_lossier(c, plain)
                && !is_lossier(b, r->burst[PROBE_PLAIN]))) {
            continue;
        }
        *(BARES & BIT(kind) ? &bare_lossy : &lossy) |= BIT(kind);
        if (!(BARES & BIT(kind))) {
            all.sent += c.sent;
            all.answered += c.answered;
            burst.sent += b.sent;
            burst.answered += b.answered;
        }
    }
    if (lossy) {
        find("lossy", lossy & IPO, "%s: %u%% of packets and %u%% in bursts "
             "are lost, plain ones %u%% and %u%%: a router handles %s on a "
             "slow path, or limits their rate", names(lossy, list),
             percent_lost(all), percent_lost(burst), percent_lost(plain),
             percent_lost(r->burst[PROBE_PLAIN]),
             bare_lossy ? "such protocols" : "packets with options");
    }
    if (percent_lost(plain) >= 10) {
        find("plain-lossy", false, "plain: %u%% of packets are lost, so this "
             "network loses packets whatever they are", percent_lost(plain));
    }
}

/* Kinds with an option that take much longer than plain packets. */
static void
find_slow(const struct probe_result *r)
{
    unsigned int slow = 0;
    char list[128];

    for (int kind = PROBE_NATIVE; kind < PROBE_N_KINDS; kind++) {
        slow |= (unsigned int) is_slower(r, kind) << kind;
    }
    if (slow) {
        find("slow", slow & IPO, "%s: take more than three times as long as "
             "plain packets: a router handles packets with options on a slow "
             "path", names(slow, list));
    }
}

/* MTU. */

/* The path's MTU, if it is known and smaller than this host's, and who says
 * so. */
static void
find_path_mtu(const struct probe_run *run, const struct probe_result *r)
{
    unsigned int mtu = r->mtu[PROBE_PLAIN];
    const struct probe_error *e, *end = &run->errors[run->n_errors];
    char name[INET_ADDRSTRLEN], where[96] = "";

    if (!mtu || mtu >= r->device_mtu) {
        return;
    }
    for (e = run->errors; e < end && e->mtu != mtu; e++) {
        continue;
    }
    if (e < end) {
        probe_name(e->from, name);
        for (unsigned int i = 1; i <= PROBE_MAX_HOPS; i++) {
            if (r->hops[i] == e->from) {
                snprintf(where, sizeof where, " at hop %u", i);
            }
        }
        find("mtu", false, "the path's MTU is %u, below this host's %u: it "
             "shrinks%s (%s)", mtu, r->device_mtu, where, name);
    } else if (run->largest > mtu) {
        find("mtu", false, "the path's MTU is %u, below this host's %u, on "
             "the way back", mtu, r->device_mtu);
    } else {
        find("mtu", false, "the path's MTU is %u, below this host's %u, and "
             "no router says so: larger packets vanish", mtu, r->device_mtu);
    }
}

/* Kinds with an option of which large packets are lost that pass as plain
 * ones. */
static void
find_smaller_mtus(const struct probe_result *r)
{
    unsigned int kinds = 0, mtu = 0;
    char list[128];

    for (int kind = PROBE_NATIVE; kind < PROBE_N_KINDS; kind++) {
        if (r->mtu[kind] && r->mtu[kind] < r->mtu[PROBE_PLAIN]) {
            kinds |= BIT(kind);
            mtu = !mtu || r->mtu[kind] < mtu ? r->mtu[kind] : mtu;
        }
    }
    if (kinds) {
        find("mtu-of-options", kinds & IPO, "%s: packets of more than %u "
             "bytes are lost, plain ones of %u are not", names(kinds, list),
             mtu, r->mtu[PROBE_PLAIN]);
    }
}

/* Returns the largest MTU of containers whose packets go in 'kind', or 0. */
static unsigned int
container_mtu(const struct probe_result *r, enum probe_kind kind)
{
    unsigned int mtu = r->mtu[kind];

    return mtu > PROBE_MIN_SIZE ? mtu - probe_kinds[kind].opt_len : 0;
}

/* The conclusion. */

/* What to do when the network is not fit.  'bad' are the kinds that do not
 * pass, as bits. */
static void
find_advice(unsigned int bad)
{
    unsigned int good = ~bad & IPO;

    for (size_t i = 0; i < n_findings; i++) {
        if (!strcmp(findings[i].code, "lossy")
            || !strcmp(findings[i].code, "slow")) {
            find("advice", false, "have the routers handle packets with "
                 "options like others, or use VXLAN or Geneve on this path");
            return;
        }
    }
    if (good & BIT(PROBE_COMPACT) && bad & EXTENDED) {
        find("advice", false, "ipo_format=compact works on this path; for the "
             "rest have protocol 253 and IPv4 option 158 let through");
    } else if ((good & EXTENDED) == EXTENDED) {
        find("advice", false, "ipo_format=short or full works on this path; "
             "for compact have protocols 144 to 252 and IPv4 option 40 let "
             "through");
    } else if (!(bad & BIT(PROBE_NATIVE))) {
        find("advice", false, "have protocols 144 to 253 let through; until "
             "then only the native variant of the kernel's devices works on "
             "this path");
    } else {
        find("advice", false, "have packets with IPv4 options and protocols "
             "144 to 253 let through, or use VXLAN or Geneve on this path");
    }
}

/* Forgets earlier findings, and finds all that there is to say. */
static void
find_all(const struct probe_run *run, const struct probe_result *r)
{
    unsigned int bad = ~r->passing & (BIT(PROBE_N_KINDS) - 1);

    n_findings = 0;
    if (bad & BIT(PROBE_PLAIN)) {
        find_loss(run, r, "plain-dropped", "plain packets (UDP port 9), so "
                  "there is nothing to compare with", BIT(PROBE_PLAIN),
                  PROBE_PLAIN, false);
    }
    find_protocols(run, r, bad);
    find_options(run, r, bad);
    find_loss_rates(r);
    find_slow(r);
    find_path_mtu(run, r);
    find_smaller_mtus(r);
    if (is_unfit()) {
        find_advice(bad);
    }
}

/* Text. */

/* These print a cell of the table each: the median time, and how much was
 * lost.  A '-' stands for what is not known. */
static void
print_cell(struct probe_count c)
{
    if (c.answered) {
        printf("  %8.2f ms", (double) c.median / PROBE_MS);
    } else {
        printf("  %11s", "-");
    }
}

static void
print_percent(struct probe_count c)
{
    if (c.sent) {
        printf("  %6u%%", percent_lost(c));
    } else {
        printf("  %7s", "-");
    }
}

/* Prints a table with a line for each kind. */
static void
print_table(const struct probe_result *r)
{
    printf("%-9s  %8s  %6s  %7s  %7s", "", "protocol", "option", "lost",
           "(burst)");
    for (int i = 0; i < PROBE_N_SIZES; i++) {
        if (r->sizes[i]) {
            printf("  %5u bytes", r->sizes[i]);
        }
    }
    printf("  %5s\n", "MTU");
    for (int kind = 0; kind < PROBE_N_KINDS; kind++) {
        const struct probe_kind_info *k = &probe_kinds[kind];

        printf("%-9s  %8u  %6u", k->name, k->protocol, k->opt_len);
        print_percent(total(r, kind));
        print_percent(r->burst[kind]);
        for (int i = 0; i < PROBE_N_SIZES; i++) {
            if (r->sizes[i]) {
                print_cell(r->count[kind][i]);
            }
        }
        if (r->mtu[kind]) {
            printf("  %5u\n", r->mtu[kind]);
        } else {
            printf("  %5s\n", "-");
        }
    }
}

/* Prints a line for each ICMP error. */
static void
print_errors(const struct probe_run *run)
{
    char name[INET_ADDRSTRLEN], list[128];

    for (unsigned int i = 0; i < run->n_errors; i++) {
        const struct probe_error *e = &run->errors[i];

        probe_name(e->from, name);
        printf("ICMP from %s: %s", name, error_text(e));
        if (e->mtu) {
            printf(", MTU %u", e->mtu);
        }
        printf(", %u times, about %s\n", e->n, names(e->kinds, list));
    }
}

/* Prints a line with the MTUs that containers can have, as far as they are
 * known. */
static void
print_containers(const struct probe_result *r)
{
    static const enum probe_kind kinds[] = {
        PROBE_COMPACT, PROBE_SHORT, PROBE_SHORT_KEY, PROBE_FULL,
        PROBE_FULL_KEY
    };
    const char *separator = "containers' MTU:";

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        unsigned int mtu = container_mtu(r, kinds[i]);

        if (mtu) {
            printf("%s %s %u", separator, probe_kinds[kinds[i]].name, mtu);
            separator = ",";
        }
    }
    if (*separator == ',') {
        putchar('\n');
    }
}

/* Prints all of it as text, with the findings that there are by now. */
static void
print_text(const struct probe_run *run, const struct probe_result *r)
{
    char local[INET_ADDRSTRLEN], remote[INET_ADDRSTRLEN];

    probe_name(run->local, local);
    probe_name(run->remote, remote);
    printf("from %s to %s and back", local, remote);
    if (r->n_hops) {
        printf(", hop %u", r->n_hops);
    }
    putchar('\n');
    print_table(r);
    print_errors(run);
    print_containers(r);
    for (size_t i = 0; i < n_findings; i++) {
        printf("%s: %s\n", findings[i].unfit ? "problem"
               : strcmp(findings[i].code, "advice") ? "note" : "advice",
               findings[i].text);
    }
    puts(is_unfit() ? "not fit for IPO" : "fit for IPO");
}

/* JSON. */

/* Prints how packets of 'size' bytes fared, as an object in an array. */
static void
json_count(const struct probe_count *c, unsigned int size)
{
    json_open(NULL, '{');
    json_number("size", size);
    json_number("sent", c->sent);
    json_number("answered", c->answered);
    if (c->answered) {
        json_number("median_ns", c->median);
    }
    json_close('}');
}

/* Prints what is known of 'kind', as an object in an array. */
static void
json_kind(const struct probe_run *run, const struct probe_result *r,
          enum probe_kind kind)
{
    const struct probe_kind_info *k = &probe_kinds[kind];

    json_open(NULL, '{');
    json_string("kind", k->name);
    json_number("protocol", k->protocol);
    json_number("option_bytes", k->opt_len);
    json_string("passes", (r->passing & BIT(kind) ? "yes"
                           : arrives(run, kind) ? "there but not back"
                           : "no"));
    json_open("sizes", '[');
    for (int i = 0; i < PROBE_N_SIZES; i++) {
        if (r->sizes[i] && r->count[kind][i].sent) {
            json_count(&r->count[kind][i], r->sizes[i]);
        }
    }
    json_close(']');
    json_number("burst_sent", r->burst[kind].sent);
    json_number("burst_answered", r->burst[kind].answered);
    if (r->mtu[kind]) {
        json_number("mtu", r->mtu[kind]);
    }
    if (r->mtu[kind] && k->opt_len) {
        json_number("container_mtu", container_mtu(r, kind));
    }
    if (r->swept[kind]) {
        json_number("last_hop", r->last_hop[kind]);
    }
    json_close('}');
}

/* Prints the ICMP errors, as a member of an object.  So does the next one with
 * the findings. */
static void
json_errors(const struct probe_run *run)
{
    char name[INET_ADDRSTRLEN];

    json_open("icmp", '[');
    for (unsigned int i = 0; i < run->n_errors; i++) {
        const struct probe_error *e = &run->errors[i];

        probe_name(e->from, name);
        json_open(NULL, '{');
        json_string("from", name);
        json_number("type", e->type);
        json_number("code", e->code);
        json_string("text", error_text(e));
        if (e->mtu) {
            json_number("mtu", e->mtu);
        }
        json_number("packets", e->n);
        json_open("kinds", '[');
        for (int kind = 0; kind < PROBE_N_KINDS; kind++) {
            if (e->kinds & BIT(kind)) {
                json_string(NULL, probe_kinds[kind].name);
            }
        }
        json_close(']');
        json_close('}');
    }
    json_close(']');
}

static void
json_findings(void)
{
    json_open("findings", '[');
    for (size_t i = 0; i < n_findings; i++) {
        json_open(NULL, '{');
        json_string("code", findings[i].code);
        json_string("severity", findings[i].unfit ? "problem" : "note");
        json_string("text", findings[i].text);
        json_close('}');
    }
    json_close(']');
}

/* Prints all of it as a line of JSON, with the findings that there are by now.
 * 'r' is null if nothing was answered. */
static void
print_json(const struct probe_run *run, const struct probe_result *r,
           const char *verdict)
{
    char name[INET_ADDRSTRLEN];

    json_open(NULL, '{');
    probe_name(run->local, name);
    json_string("local", name);
    probe_name(run->remote, name);
    json_string("remote", name);
    json_string("verdict", verdict);
    if (r) {
        if (r->n_hops) {
            json_number("hops", r->n_hops);
        }
        json_number("device_mtu", r->device_mtu);
        json_open("kinds", '[');
        for (int kind = 0; kind < PROBE_N_KINDS; kind++) {
            json_kind(run, r, kind);
        }
        json_close(']');
    }
    json_errors(run);
    json_findings();
    json_close('}');
    json_end();
}

/* Prints what was found. */
int
report(const struct probe_run *run, const struct probe_result *r)
{
    find_all(run, r);
    if (json_wanted) {
        print_json(run, r, is_unfit() ? "not fit" : "fit");
    } else {
        print_text(run, r);
    }
    return is_unfit() ? EXIT_UNFIT : EXIT_OK;
}

/* Says why nothing at all was answered, which tells nothing about IPO. */
int
report_silence(const struct probe_run *run)
{
    const struct probe_error *e, *end = &run->errors[run->n_errors];
    char name[INET_ADDRSTRLEN], from[INET_ADDRSTRLEN];

    n_findings = 0;
    probe_name(run->remote, name);
    for (e = run->errors; e < end && e->from == run->remote; e++) {
        continue;
    }
    if (refused_here(run, BIT(PROBE_PLAIN))) {
        find("refused-here", true, "this host's own firewall refuses plain "
             "packets to %s (UDP port 9)", name);
    } else if (run->n_errors && run->errors[0].from == run->remote) {
        find("no-reflector", true, "no reflector runs on %s, which is up: run "
             "\"ipoctl reflect\" there", name);
    } else if (e < end) {
        probe_name(e->from, from);
        find("unreachable", true, "%s does not get the probes: %s says \"%s\"",
             name, from, error_text(e));
    } else if (run->pinged) {
        find("no-reflector", true, "%s answers pings, but no probes: run "
             "\"ipoctl reflect\" there; if it does run, UDP port 9 is "
             "filtered",
             name);
    } else {
        find("silent", true, "%s answers neither pings nor probes: it is "
             "down, or all of it is filtered", name);
    }
    if (json_wanted) {
        print_json(run, NULL, "unknown");
        return EXIT_FAILED;
    }
    return complain(EXIT_FAILED, "%s", findings[0].text);
}
