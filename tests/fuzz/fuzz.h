/* SPDX-License-Identifier: Apache-2.0 */

/* What fuzz targets share.  A target is a file with LLVMFuzzerTestOneInput(),
 * which libFuzzer ('make fuzz') calls with bytes of its own making, and replay.c
 * ('make check') with those of files. */

#ifndef FUZZ_H
#define FUZZ_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Ends the program, which is a finding, unless CONDITION is true. */
#define FUZZ_CHECK(CONDITION)                                           \
    ((CONDITION) ? (void) 0 : fuzz_fail(__FILE__, __LINE__, #CONDITION))

/* Says what is not true, and where, and ends the program. */
static inline void __attribute__((noreturn))
fuzz_fail(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: not true: %s\n", file, line, condition);
    abort();
}

/* Returns a copy of the 'len' bytes at 'p' with 'before' zero bytes before and
 * 'after' behind them, for the caller to free.  Nothing follows them, so that
 * the sanitizers see who reads on. */
static inline uint8_t *
fuzz_copy(const void *p, size_t len, size_t before, size_t after)
{
    size_t size = before + len + after;
    uint8_t *copy = calloc(1, size ? size : 1);

    FUZZ_CHECK(copy);
    if (len) {
        memcpy(copy + before, p, len);
    }
    return copy;
}

/* Returns the 'len' bytes at 'p' as a string, for the caller to free.  It ends
 * early if they have a null byte. */
static inline char *
fuzz_string(const uint8_t *p, size_t len)
{
    const uint8_t *end = len ? memchr(p, '\0', len) : NULL;

    return (char *) fuzz_copy(p, end ? (size_t) (end - p) : len, 0, 1);
}

#endif /* fuzz.h */
