/* SPDX-License-Identifier: Apache-2.0
 *
 * One error for each checker that tests/static/run runs, which it has to find.
 * Nobody else compiles this. */

#include <stdint.h>
#include <stdlib.h>

int planted(const uint8_t *packet, unsigned int n);

int
planted(const uint8_t *packet, unsigned int n)
{
#ifdef PLANT_WARNING
    unsigned int unused_since_last_year;
#elif defined PLANT_NULL
    int *p = n ? malloc(n * sizeof *p) : NULL;

    *p = packet[0];
    free(p);
#endif
    return packet[0] + (int) n;
}
