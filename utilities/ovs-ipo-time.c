/* SPDX-License-Identifier: Apache-2.0 */

/* Until when the program waits for the database and ovs-vswitchd.  It carries
 * out one command, so that there is one such time at any moment. */

#include <config.h>
#include "ovs-ipo.h"

#include <limits.h>

#include "timeval.h"
#include "util.h"

/* What there is at least, in milliseconds, for each change: whatever failed,
 * and be it because the time was up, must be undone. */
#define CHANGE_TIME 10000

/* By how much later, in seconds, a poll_block() ends the program that waits
 * for something without a limit. */
#define GRACE 60

static long long int timeout;   /* In milliseconds. */
static long long int limit;

/* Has waiting end in 'left' milliseconds, and the program GRACE seconds after
 * that if it still waits. */
static void
set_limit(long long int left)
{
    limit = time_msec() + left;
    time_alarm(left / 1000 + GRACE);
}

/* Gives 'seconds' to what comes. */
void
limit_begin(unsigned int seconds)
{
    timeout = seconds * 1000LL;
    set_limit(timeout);
}

/* Gives as much once more, after a wait for others. */
void
limit_renew(void)
{
    set_limit(timeout);
}

/* Sees that there is some time for a change, however late it begins. */
void
limit_allow_change(void)
{
    long long int least = MIN(timeout, CHANGE_TIME);

    if (limit - time_msec() < least) {
        set_limit(least);
    }
}

/* Returns the time, in terms of time_msec(), at which waiting ends. */
long long int
limit_get(void)
{
    return limit;
}
