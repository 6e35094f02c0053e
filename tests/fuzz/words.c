/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzes the words of ovs-ipo: addresses, prefixes and numbers.  What is
 * accepted is formatted as something that means the same. */

#include <config.h>

#include "fuzz.h"

#include "ovs-ipo.h"
#include "util.h"

/* These check that what 's' says, if it is accepted, is formatted as something
 * that says the same. */
static void
try_address(const char *s)
{
    char buf[IP_FMT_SIZE];
    uint32_t addr, again;
    char *error = parse_address(s, &addr);

    if (!error) {
        FUZZ_CHECK(!parse_address(format_ip(addr, buf), &again));
        FUZZ_CHECK(addr == again);
    }
    free(error);
}

static void
try_prefix(const char *s)
{
    struct prefix prefix, again;
    char buf[PREFIX_FMT_SIZE];
    char *error = parse_prefix(s, &prefix);

    if (!error) {
        FUZZ_CHECK(prefix.len <= 32);
        FUZZ_CHECK(!parse_prefix(format_prefix(&prefix, buf), &again));
        FUZZ_CHECK(prefix.addr == again.addr && prefix.len == again.len);
        FUZZ_CHECK(prefix_contains(&prefix, prefix.addr));
        FUZZ_CHECK(prefixes_overlap(&prefix, &again));
    }
    free(error);
}

static void
try_number(const char *s, uint32_t min, uint32_t max)
{
    uint32_t x, again;
    char *error = parse_number(s, min, max, &x);

    if (!error) {
        char *text = xasprintf("%"PRIu32, x);

        FUZZ_CHECK(x >= min && x <= max);
        FUZZ_CHECK(!parse_number(text, min, max, &again) && x == again);
        free(text);
    }
    free(error);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *s = fuzz_string(data, size);

    try_address(s);
    try_prefix(s);
    try_number(s, 0, UINT32_MAX);
    try_number(s, 1, 65535);
    free(s);
    return 0;
}
