/* SPDX-License-Identifier: Apache-2.0
 *
 * What clang's analyzer cannot know of Open vSwitch's functions, as it does not
 * see them: these abort rather than return a null pointer.  It is given this
 * before each file that is made of Open vSwitch's headers. */

#include <config.h>
#include <stdlib.h>
#include "util.h"

/* Returns 'p', which is not null. */
static inline void *
known(void *p)
{
    if (!p) {
        abort();
    }
    return p;
}

#define xasprintf(...) known(xasprintf(__VA_ARGS__))
#define xstrdup(S) known(xstrdup(S))
#define xmalloc(SIZE) known(xmalloc(SIZE))
#define xzalloc(SIZE) known(xzalloc(SIZE))
