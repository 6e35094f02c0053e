/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzes the text of a datapath action, "ipo(...))": what can be scanned is
 * formatted as something that scans to the same. */

#include <config.h>

#include "fuzz.h"

#include "ipo-odp.h"
#include "odp-netlink.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

/* Scans 's' into '*data'.  Returns the bytes of text that were taken, or 0. */
static int
scan(const char *s, struct ovs_action_push_tnl *data)
{
    struct eth_header *eth = (struct eth_header *) data->header;
    uint32_t header_len;
    int n = 0;

    /* As odp-util.c has it by then. */
    memset(data, 0, sizeof *data);
    eth->eth_type = htons(ETH_TYPE_IP);
    if (!ipo_odp_scan(s, &n, data, &header_len)) {
        FUZZ_CHECK(!n);
        return 0;
    }
    FUZZ_CHECK(n > 0 && (size_t) n <= strlen(s));
    FUZZ_CHECK(header_len <= sizeof data->header);
    FUZZ_CHECK(!data->header_len);
    data->header_len = header_len;
    return n;
}

/* Checks that 'data' has what no packet would be sent wrong with. */
static void
check_push(const struct ovs_action_push_tnl *data)
{
    struct ipo_push push;

    ipo_push_get(data, &push);
    FUZZ_CHECK(push.drop < IPO_N_DROPS);
    FUZZ_CHECK(!(push.tx.formats & ~ipo_formats_auto(&push.tx.prefixes,
                                                     push.tx.has_key)));
    FUZZ_CHECK(!(push.tx.prefixes.local & ~push.tx.prefixes.local_mask));
    FUZZ_CHECK(!(push.tx.prefixes.remote & ~push.tx.prefixes.remote_mask));
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct ovs_action_push_tnl data, again;
    struct ds ds = DS_EMPTY_INITIALIZER;
    char *s = fuzz_string(bytes, size);

    if (scan(s, &data)) {
        check_push(&data);
        ipo_odp_format(&ds, &data);
        ds_put_char(&ds, ')');
        FUZZ_CHECK((size_t) scan(ds_cstr(&ds), &again) == ds.length);
        FUZZ_CHECK(!memcmp(&data, &again, sizeof data));
    }
    ds_destroy(&ds);
    free(s);
    return 0;
}
