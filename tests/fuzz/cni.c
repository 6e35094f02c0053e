/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzzes what ovs-ipo-cni reads: the configuration, then the name of the
 * interface, then what the IPAM plugin prints, with null bytes between them.
 * What it prints is a JSON object.  There is no database. */

#include <config.h>

#include "fuzz.h"

#include <setjmp.h>
#include <stdarg.h>

#include "openvswitch/json.h"
#include "util.h"

/* Where ovs-ipo-cni ends. */
static jmp_buf end;

/* The environment. */
static const char *ifname;

/* What it would leave to be freed to its end. */
static struct json *parsed;
static char message[65536];

/* What is called instead of getenv(), xvasprintf() and puts().  The message is
 * not to be freed, and what is printed must be an object. */
static char *
fuzz_getenv(const char *name)
{
    return (char *) (!strcmp(name, "CNI_IFNAME") ? ifname : "/x");
}

static char *
fuzz_vasprintf(const char *format, va_list args)
{
    vsnprintf(message, sizeof message, format, args);
    return message;
}

static void
fuzz_puts(const char *s)
{
    struct json *json = json_from_string(s);

    FUZZ_CHECK(json->type == JSON_OBJECT);
    json_destroy(json);
}

#define main cni_main
#define exit(STATUS) longjmp(end, 1)
#define getenv(NAME) fuzz_getenv(NAME)
#define json_from_string(S) (parsed = json_from_string(S))
#define puts(S) fuzz_puts(S)
#define xvasprintf(FORMAT, ARGS) fuzz_vasprintf(FORMAT, ARGS)
#include "ovs-ipo-cni.c"
#undef exit
#undef json_from_string

int cni_main(int, char **);

/* LeakSanitizer asks this.  The plugin ends where it fails, with what it has. */
int __lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
    return 1;
}

/* Does what an ADD does between the two plugins, but for the database. */
static void
fuzz_add(struct call *call, const char *ipam)
{
    struct json *result;
    uint32_t ip = 0;
    char *error;

    parse_config(call);
    parse_environment(call);
    result = json_from_string(ipam);
    error = get_address(result, &ip);
    if (!error) {
        print_result(call, ip, result);
    }
    free(error);
    json_destroy(result);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct call call;
    static char *parts[3];
    size_t ofs = 0;

    for (int i = 0; i < 3; i++) {
        parts[i] = fuzz_string(data + ofs, size - ofs);
        ofs += strlen(parts[i]) + 1;
        ofs = ofs < size ? ofs : size;
    }
    memset(&call, 0, sizeof call);
    call.command = "ADD";
    call.input = parts[0];
    ifname = parts[1];
    parsed = NULL;
    if (!setjmp(end)) {
        fuzz_add(&call, parts[2]);
    }
    json_destroy(parsed);
    free(call.owner);
    for (int i = 0; i < 3; i++) {
        free(parts[i]);
    }
    return 0;
}
