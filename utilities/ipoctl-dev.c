/* SPDX-License-Identifier: Apache-2.0 */

#include "ipoctl.h"

#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>

/* Stores the number of the device 'name' in '*ifindex'. */
int
dev_index(const char *name, uint32_t *ifindex)
{
    *ifindex = if_nametoindex(name);
    return *ifindex ? EXIT_OK
                    : complain(EXIT_FAILED, "there is no device '%s'", name);
}

/* Returns the name of the device 'ifindex', good until the next call:
 * 'reported', the kernel's own word, unless it is null. */
const char *
dev_name(uint32_t ifindex, const char *reported)
{
    static char name[IF_NAMESIZE];
    static uint32_t index;

    if (reported) {
        return reported;
    }
    if (index != ifindex) {
        if (!if_indextoname(ifindex, name)) {
            snprintf(name, sizeof name, "if%"PRIu32, ifindex);
        }
        index = ifindex;
    }
    return name;
}
