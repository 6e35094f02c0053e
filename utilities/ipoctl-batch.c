/* SPDX-License-Identifier: Apache-2.0 */

#include "ipoctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_LINE 4096           /* Bytes. */
#define MAX_WORDS 32            /* In a line. */

/* Lines of a file.  stdio will not do: it does not tell when the next line
 * would have to be waited for. */
struct reader {
    int fd;
    bool eof;
    size_t head, tail;          /* What is in 'buf' and not yet taken. */
    char buf[64 * 1024 + 1];    /* The last byte is for a null byte. */
};

/* Reads more.  Commands that were read before take effect first, so that
 * whoever feeds us can wait for that. */
static int
fill(struct reader *r)
{
    int status = nl_flush();
    ssize_t n;

    memmove(r->buf, r->buf + r->head, r->tail - r->head);
    r->tail -= r->head;
    r->head = 0;
    do {
        n = read(r->fd, r->buf + r->tail, sizeof r->buf - 1 - r->tail);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        status = complain(EXIT_FAILED, "cannot read: %s", strerror(errno));
    }
    r->eof = n <= 0;
    r->tail += n > 0 ? n : 0;
    return status;
}

/* Stores the next line, which ends in a null byte in place of the new-line, in
 * '*line' and its length in '*len'; a null pointer at the end of the file, and
 * for a line that is too long a length of MAX_LINE. */
static int
read_line(struct reader *r, char **line, size_t *len)
{
    bool skipping = false;
    int status = EXIT_OK;

    for (;;) {
        size_t n = r->tail - r->head;
        char *start = r->buf + r->head;
        char *end = memchr(start, '\n', n);
        bool whole = end || r->eof;

        if (end) {
            n = end - start;
        }
        if (whole && !end && !n && !skipping) {
            *line = NULL;
            return status;
        }
        if (whole) {
            r->head += n + (end != NULL);
            *len = skipping || n >= MAX_LINE ? MAX_LINE : n;
            start[*len < MAX_LINE ? n : 0] = '\0';
            *line = start;
            return status;
        }
        if (n >= MAX_LINE) {
            skipping = true;
            r->head = r->tail;
        }
        status |= fill(r);
    }
}

/* Splits 'line' into 'words' up to a '#'. */
static int
split(char *line, char *words[MAX_WORDS + 1])
{
    size_t n = 0;
    char *save;

    line[strcspn(line, "#")] = '\0';
    for (char *word = strtok_r(line, " \t\r\v\f", &save); word;
         word = strtok_r(NULL, " \t\r\v\f", &save)) {
        if (n >= MAX_WORDS) {
            return complain(EXIT_USAGE, "too many words");
        }
        words[n++] = word;
    }
    words[n] = NULL;
    return EXIT_OK;
}

/* Carries out the command in 'line', as read_line() stores it and its 'len',
 * if there is one.  Changes 'line'. */
static int
run_line(char *line, size_t len)
{
    char *words[MAX_WORDS + 1];

    if (len >= MAX_LINE) {
        return complain(EXIT_USAGE, "line too long");
    }
    if (strlen(line) != len) {
        return complain(EXIT_USAGE, "line holds a null byte");
    }
    if (split(line, words)) {
        return EXIT_USAGE;
    }
    return words[0] ? run_command(words) : EXIT_OK;
}

/* Carries out the commands in 'file', or standard input if that is "-".
 * Commands that fail do not keep the others from being carried out. */
int
run_batch(const char *file)
{
    static struct reader reader;
    bool is_stdin = !strcmp(file, "-");
    bool failed = false;
    size_t len = 0;
    char *line;

    reader.eof = false;
    reader.head = reader.tail = 0;
    reader.fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    if (reader.fd < 0) {
        return complain(EXIT_FAILED, "cannot open '%s': %s", file,
                        strerror(errno));
    }
    position.file = is_stdin ? "standard input" : file;
    for (;;) {
        failed |= read_line(&reader, &line, &len) != EXIT_OK;
        if (!line) {
            break;
        }
        position.line++;
        failed |= run_line(line, len) != EXIT_OK;
    }
    failed |= nl_flush() != EXIT_OK;
    if (!is_stdin) {
        close(reader.fd);
    }
    return failed ? EXIT_FAILED : EXIT_OK;
}
