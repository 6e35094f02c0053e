/* SPDX-License-Identifier: Apache-2.0 */

#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H 1

/* The packets that the benchmarks of the userspace datapath send: UDP from one
 * container to another, and what a pair of nodes makes of it. */

#include <stdint.h>
#include <stdbool.h>

struct dp_packet;
struct dp_packet_batch;

/* Room before a packet, as drivers of network cards leave it. */
#define BENCH_HEADROOM 128

struct dp_packet *bench_packet_alloc(const void *data, uint16_t size);
void bench_batch_free(struct dp_packet_batch *);

uint16_t bench_packet_fill(uint8_t *frame, uint32_t flow, uint16_t size,
                           bool mixed);
void bench_packet_turn(uint8_t *frame);

#endif /* traffic.h */
