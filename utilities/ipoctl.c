/* SPDX-License-Identifier: Apache-2.0 */

/* Manages and shows what ipo devices of the kernel know, and decodes captures.
 * See ipoctl(8). */

#include "ipoctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: ipoctl [-j] COMMAND\n"
    "       ipoctl [-j] -b FILE\n"
    "\n"
    "Commands:\n"
    "  peer add dev DEV node ADDRESS [local PREFIX remote PREFIX]\n"
    "           [proto {shift | native}]\n"
    "  peer replace ...           add, or change what there is\n"
    "  peer del dev DEV node ADDRESS\n"
    "  peer flush dev DEV         remove all peers that were added\n"
    "  peer show [dev DEV] [node ADDRESS]\n"
    "  stats [dev DEV]            packets sent, received and dropped\n"
    "  monitor                    print changes of peers as they happen\n"
    "  decode FILE [peers NODE=PREFIX,...]\n"
    "                             print the IPO packets of a capture\n"
    "                             (-: standard input)\n"
    "  probe REMOTE [--count N] [--interval MS] [--timeout S] [--local-ip IP]\n"
    "                             is the network between fit for IPO?\n"
    "  reflect [--local-ip IP] [--timeout S]\n"
    "                             answer the probes of others\n"
    "  help\n"
    "\n"
    "Options:\n"
    "  -b, --batch FILE  carry out the commands in FILE, one a line\n"
    "                    (-: standard input)\n"
    "  -j, --json        print JSON\n"
    "  -h, --help        print this\n"
    "  -V, --version     print the version\n";

bool json_wanted;
struct batch_position position;

/* Prints an error, behind what was printed so far, and returns 'status'.  In a
 * batch, it is one of 'line'. */
static int
vcomplain(unsigned int line, int status, const char *format, va_list args)
{
    fflush(stdout);
    fputs("ipoctl: ", stderr);
    if (position.file) {
        fprintf(stderr, "%s:%u: ", position.file, line);
    }
    vfprintf(stderr, format, args);
    if (status == EXIT_USAGE && !position.file) {
        fputs(" (try 'ipoctl help')", stderr);
    }
    putc('\n', stderr);
    return status;
}

/* Prints an error in a line and returns 'status'.  In a batch, the errors of
 * earlier lines come first. */
int
complain(int status, const char *format, ...)
{
    va_list args;

    nl_send();
    va_start(args, format);
    vcomplain(position.line, status, format, args);
    va_end(args);
    return status;
}

/* Prints an error, of what stands in 'line' of the batch if there is one, and
 * returns 'status'. */
int
complain_at(unsigned int line, int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vcomplain(line, status, format, args);
    va_end(args);
    return status;
}

/* Returns 'array', which has room for '*allocated' elements of 'size' bytes,
 * with room for more of them. */
void *
grow(void *array, size_t *allocated, size_t size)
{
    size_t n = *allocated ? *allocated * 2 : 64;

    array = reallocarray(array, n, size);
    if (!array) {
        exit(complain(EXIT_FAILED, "out of memory"));
    }
    *allocated = n;
    return array;
}

/* "help" */
static int
help(char **words)
{
    if (*words) {
        return complain(EXIT_USAGE, "unknown word '%s'", *words);
    }
    fputs(usage, stdout);
    return EXIT_OK;
}

static const struct command {
    const char *word, *verb;    /* 'verb' may be null. */
    int (*run)(char **words);   /* Gets what follows. */
    bool queued;                /* Done by nl_flush(). */
} commands[] = {
    { "peer", "add", peer_add, true },
    { "peer", "replace", peer_replace, true },
    { "peer", "del", peer_del, true },
    { "peer", "flush", peer_flush, true },
    { "peer", "show", peer_show, false },
    { "stats", NULL, stats, false },
    { "monitor", NULL, monitor, false },
    { "decode", NULL, decode, false },
    { "probe", NULL, probe, false },
    { "reflect", NULL, reflect, false },
    { "help", NULL, help, false },
};

/* Carries out the command in 'words', an array that ends in a null pointer.
 * In a batch, commands that change something are only queued. */
int
run_command(char **words)
{
    bool known = false;
    int status;

    if (!words[0]) {
        return complain(EXIT_USAGE, "a command is missing");
    }
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        const struct command *c = &commands[i];

        if (strcmp(words[0], c->word)) {
            continue;
        }
        known = true;
        if (c->verb && (!words[1] || strcmp(words[1], c->verb))) {
            continue;
        }
        status = c->queued ? EXIT_OK : nl_flush();
        status |= c->run(words + (c->verb ? 2 : 1));
        return status || position.file ? status : nl_flush();
    }
    if (known && !words[1]) {
        return complain(EXIT_USAGE, "'%s' needs add, replace, del, flush or "
                        "show", words[0]);
    }
    return complain(EXIT_USAGE, "unknown command '%s%s%s'", words[0],
                    known ? " " : "", known ? words[1] : "");
}

/* Returns whether 'word' is the option 'letter', or 'name'. */
static bool
is_option(const char *word, const char *letter, const char *name)
{
    return !strcmp(word, letter) || !strcmp(word, name);
}

/* Notes that JSON is wanted, as 'word' says. */
static int
want_json(const char *word)
{
    if (json_wanted) {
        return complain(EXIT_USAGE, "duplicate '%s'", word);
    }
    json_wanted = true;
    return EXIT_OK;
}

/* Takes "--json" out of 'words', those of a command. */
static int
take_json(char **words)
{
    char **kept = words;

    for (; *words; words++) {
        if (!is_option(*words, "-j", "--json")) {
            *kept++ = *words;
        } else if (want_json(*words)) {
            return EXIT_USAGE;
        }
    }
    *kept = NULL;
    return EXIT_OK;
}

/* Takes the options off the front of '*wordsp'.  Returns a negative number if
 * there is more to do, else the exit status. */
static int
parse_options(char ***wordsp, const char **batch)
{
    char **words;

    for (words = *wordsp; *words && **words == '-'; words++) {
        if (is_option(*words, "-h", "--help")) {
            return help(words + 1);
        } else if (is_option(*words, "-V", "--version")) {
            if (words[1]) {
                return complain(EXIT_USAGE, "unknown word '%s'", words[1]);
            }
            puts("ipoctl (" PACKAGE_NAME ") " PACKAGE_VERSION);
            return EXIT_OK;
        } else if (is_option(*words, "-j", "--json")) {
            if (want_json(*words)) {
                return EXIT_USAGE;
            }
        } else if (is_option(*words, "-b", "--batch")) {
            if (*batch) {
                return complain(EXIT_USAGE, "duplicate '%s'", *words);
            }
            if (!words[1]) {
                return complain(EXIT_USAGE, "'%s' needs a file", *words);
            }
            *batch = *++words;
        } else {
            return complain(EXIT_USAGE, "unknown option '%s'", *words);
        }
    }
    *wordsp = words;
    return -1;
}

/* Carries out what the command line 'words', which ends in a null pointer,
 * asks for.  Returns the exit status. */
static int
run(char **words)
{
    const char *batch = NULL;
    int status = parse_options(&words, &batch);

    if (status >= 0) {
        return status;
    }
    if (!batch) {
        status = take_json(words);
        return status ? status : run_command(words);
    }
    if (*words) {
        return complain(EXIT_USAGE, "with a batch, no command can be given: "
                        "'%s'", *words);
    }
    return run_batch(batch);
}

/* Fails, too, if something could not be written. */
int
main(int argc, char **argv)
{
    int status = run(argv + (argc > 0));

    if (fflush(stdout) || ferror(stdout)) {
        position.file = NULL;
        return complain(EXIT_FAILED, "cannot write: %s", strerror(errno));
    }
    return status;
}
