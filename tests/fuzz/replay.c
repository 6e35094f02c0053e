/* SPDX-License-Identifier: Apache-2.0 */

/* Runs a fuzz target over files, for compilers that have no libFuzzer.
 *
 *     REPLAY FILE... */

#include "fuzz.h"

#include <errno.h>

/* Runs the target over the file 'name', or exits if that cannot be read. */
static void
replay(const char *name)
{
    FILE *file = fopen(name, "rb");
    size_t size = 0, allocated = 4096;
    uint8_t *data = malloc(allocated);
    size_t n;

    if (!file || !data) {
        fprintf(stderr, "%s: cannot be read: %s\n", name, strerror(errno));
        exit(1);
    }
    while ((n = fread(data + size, 1, allocated - size, file)) > 0) {
        size += n;
        if (size == allocated) {
            allocated *= 2;
            data = realloc(data, allocated);
            FUZZ_CHECK(data);
        }
    }
    if (ferror(file)) {
        fprintf(stderr, "%s: cannot be read\n", name);
        exit(1);
    }
    fclose(file);

    /* In memory of just its size. */
    data = realloc(data, size ? size : 1);
    FUZZ_CHECK(data);
    fprintf(stderr, "%s\n", name);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
}

int
main(int argc, char *argv[])
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s FILE...\n", argv[0]);
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        replay(argv[i]);
    }
    fprintf(stderr, "replayed %d\n", argc - 1);
    return 0;
}
