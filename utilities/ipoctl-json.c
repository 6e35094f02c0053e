/* SPDX-License-Identifier: Apache-2.0 */

#include "ipoctl.h"

#include <inttypes.h>
#include <stdio.h>

/* Whether something precedes what comes next at this level. */
static bool need_comma;

/* Prints 's' in quotes, and escapes what JSON does not allow between them. */
static void
put_string(const char *s)
{
    putchar('"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') {
            putchar('\\');
            putchar(*s);
        } else if ((unsigned char) *s < ' ' || *s == 0x7f) {
            printf("\\u%04x", (unsigned char) *s);
        } else {
            putchar(*s);
        }
    }
    putchar('"');
}

/* Prints what comes before a value: a comma unless it is the first one, and
 * 'name' unless that is null. */
static void
begin(const char *name)
{
    if (need_comma) {
        putchar(',');
    }
    if (name) {
        put_string(name);
        putchar(':');
    }
    need_comma = true;
}

/* Starts an array or an object, as 'bracket' says.  In this and the other
 * functions, 'name' is null in an array. */
void
json_open(const char *name, char bracket)
{
    begin(name);
    putchar(bracket);
    need_comma = false;
}

/* Ends an array or an object. */
void
json_close(char bracket)
{
    putchar(bracket);
    need_comma = true;
}

/* Prints a string. */
void
json_string(const char *name, const char *value)
{
    begin(name);
    put_string(value);
}

/* Prints a number. */
void
json_number(const char *name, uint64_t value)
{
    begin(name);
    printf("%"PRIu64, value);
}

/* Ends a document. */
void
json_end(void)
{
    putchar('\n');
    need_comma = false;
}
