/* SPDX-License-Identifier: Apache-2.0 */

#ifndef IPO_KERNEL_H
#define IPO_KERNEL_H 1

/* The kernel's side of ipo ports on bridges of its datapath: all of them share
 * one device of the kernel module ipo (ipo-uapi.h), which dpif-netlink.c makes
 * and removes as it does for other tunnels.  Here is what is in the messages
 * for that, what happens to the device and the module, and how the device gets
 * its peers.
 *
 * Only the main thread may call these functions. */

#include <stdbool.h>

struct dpif;
struct ipo_peer_list;
struct ofpbuf;

/* The device's name. */
#define IPO_KERNEL_DEV "ipo_sys"

/* The device. */
void ipo_kernel_put_link(struct ofpbuf *request);
int ipo_kernel_verify_link(struct ofpbuf *reply);
bool ipo_kernel_is_dev(const char *name);
bool ipo_kernel_is_lost(struct dpif *, const char *name);
const char *ipo_kernel_strerror(int error);

/* What may have happened in the kernel, a bit mask. */
enum ipo_kernel_events {
    IPO_KERNEL_NEW_DEV = 1 << 0,    /* There is a new device. */
    IPO_KERNEL_NEW_MODULE = 1 << 1, /* The module was loaded. */
};

void ipo_kernel_listen(void);
enum ipo_kernel_events ipo_kernel_run(void);
void ipo_kernel_wait(void);

/* The peers. */
int ipo_kernel_set_peers(const struct ipo_peer_list *);

#endif /* ipo-kernel.h */
