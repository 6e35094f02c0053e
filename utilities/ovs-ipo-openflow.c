/* SPDX-License-Identifier: Apache-2.0 */

/* Talks to a bridge of ovs-vswitchd, for no longer than limit_get() says.
 * (The functions of Open vSwitch for this wait for ever.) */

#include <config.h>
#include "ovs-ipo.h"

#include <errno.h>
#include <stdlib.h>

#include "dirs.h"
#include "openflow/openflow.h"
#include "openvswitch/ofp-bundle.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vconn.h"
#include "timeval.h"
#include "util.h"

#define ALLOWED_VERSIONS ((1u << OFP13_VERSION) | (1u << OFP14_VERSION) \
                          | (1u << OFP15_VERSION))

/* Connects to 'bridge'. */
char *
openflow_connect(const char *bridge, struct vconn **vconn)
{
    char *remote = xasprintf("unix:%s/%s.mgmt", ovs_rundir(), bridge);
    long long int left = limit_get() - time_msec();
    int error = vconn_open_block(remote, ALLOWED_VERSIONS, 0, MAX(left, 0),
                                 vconn);
    char *s = (error ? xasprintf("cannot connect to %s of ovs-vswitchd at %s "
                                 "(%s)", bridge, remote,
                                 ovs_retval_to_string(error))
               : NULL);

    free(remote);
    return s;
}

/* Waits for 'what', or until the time is up.  Returns ETIMEDOUT if it was up
 * before, else 0. */
static int
wait_for(struct vconn *vconn, enum vconn_wait_type what)
{
    if (time_msec() >= limit_get()) {
        return ETIMEDOUT;
    }
    vconn_run(vconn);
    vconn_run_wait(vconn);
    vconn_wait(vconn, what);
    poll_timer_wait_until(limit_get());
    poll_block();
    return 0;
}

/* Sends 'msg', which becomes somebody else's, and stores its number. */
static int
send_msg(struct vconn *vconn, struct ofpbuf *msg, ovs_be32 *xid)
{
    int error, late = 0;

    *xid = ((const struct ofp_header *) msg->data)->xid;
    while ((error = vconn_send(vconn, msg)) == EAGAIN && !late) {
        late = wait_for(vconn, WAIT_SEND);
    }
    if (error) {
        ofpbuf_delete(msg);
    }
    return error == EAGAIN ? late : error;
}

/* Receives a message, for the caller to free.  Returns 0 or an error for
 * ovs_retval_to_string(). */
static int
recv_msg(struct vconn *vconn, struct ofpbuf **msg)
{
    int error, late = 0;

    while ((error = vconn_recv(vconn, msg)) == EAGAIN && !late) {
        late = wait_for(vconn, WAIT_RECV);
    }
    return error == EAGAIN ? late : error;
}

/* Returns what 'msg' complains about, or 0. */
static enum ofperr
get_error(const struct ofpbuf *msg)
{
    struct ofpbuf payload;
    enum ofptype type;
    enum ofperr error = ofptype_decode(&type, msg->data);

    if (error || type != OFPTYPE_ERROR) {
        return error;
    }
    error = ofperr_decode_msg(msg->data, &payload);
    if (error) {
        ofpbuf_uninit(&payload);
    }
    return error;
}

/* Calls 'cb' for each rule in the answer 'msg'. */
static int
decode_flows(struct ofpbuf *msg, openflow_flow_cb *cb, void *aux)
{
    struct ofpbuf ofpacts;
    int error;

    ofpbuf_init(&ofpacts, 0);
    for (;;) {
        struct ofputil_flow_stats fs;

        error = ofputil_decode_flow_stats_reply(&fs, msg, false, &ofpacts);
        if (error) {
            break;
        }
        cb(&fs, aux);
    }
    ofpbuf_uninit(&ofpacts);
    return error == EOF ? 0 : error;
}

/* Calls 'cb' with 'aux' for each of the bridge's rules that 'request' is
 * about.  Returns 0 or an error for ovs_retval_to_string(). */
int
openflow_dump(struct vconn *vconn,
              const struct ofputil_flow_stats_request *request,
              openflow_flow_cb *cb, void *aux)
{
    enum ofputil_protocol protocol
        = ofputil_protocol_from_ofp_version(vconn_get_version(vconn));
    ovs_be32 xid;
    int error = send_msg(vconn,
                         ofputil_encode_flow_stats_request(request, protocol),
                         &xid);
    bool more = true;

    while (!error && more) {
        struct ofpbuf *msg;

        error = recv_msg(vconn, &msg);
        if (error) {
            break;
        }
        if (((const struct ofp_header *) msg->data)->xid == xid) {
            error = get_error(msg);
            more = !error && ofpmp_more(msg->data);
            error = error ? error : decode_flows(msg, cb, aux);
        }
        ofpbuf_delete(msg);
    }
    return error;
}

/* Receives messages until one answers number 'xid'.  Returns the first error
 * that one of them complains about, if any. */
static int
recv_until(struct vconn *vconn, ovs_be32 xid)
{
    int first = 0;

    for (bool found = false; !found; ) {
        struct ofpbuf *msg;
        int error = recv_msg(vconn, &msg);

        if (error) {
            return error;
        }
        error = get_error(msg);
        first = first ? first : error;
        found = ((const struct ofp_header *) msg->data)->xid == xid;
        ofpbuf_delete(msg);
    }
    return first;
}

/* Sends what begins or commits a bundle, as 'type' says, and stores its
 * number. */
static int
send_control(struct vconn *vconn, uint16_t type, ovs_be32 *xid)
{
    struct ofputil_bundle_ctrl_msg bc = {
        .type = type,
        .flags = OFPBF_ORDERED | OFPBF_ATOMIC,
    };

    return send_msg(vconn, ofputil_encode_bundle_ctrl_request(
                        vconn_get_version(vconn), &bc), xid);
}

/* Has the bridge carry out 'requests' at once or, if there is an error, not at
 * all: what was not committed is forgotten with the connection.  Returns 0 or
 * an error for ovs_retval_to_string(). */
int
openflow_bundle(struct vconn *vconn, const struct ovs_list *requests)
{
    enum ofp_version version = vconn_get_version(vconn);
    struct ofpbuf *request;
    ovs_be32 xid;
    int error = send_control(vconn, OFPBCT_OPEN_REQUEST, &xid);

    error = error ? error : recv_until(vconn, xid);
    LIST_FOR_EACH (request, list_node, requests) {
        struct ofputil_bundle_add_msg bam = {
            .flags = OFPBF_ORDERED | OFPBF_ATOMIC,
            .msg = request->data,
        };

        ofpmsg_update_length(request);
        if (!error) {
            error = send_msg(vconn, ofputil_encode_bundle_add(version, &bam),
                             &xid);
        }
    }
    /* What could not be added is complained about before a barrier's
     * answer. */
    if (!error) {
        error = send_msg(vconn, ofputil_encode_barrier_request(version), &xid);
    }
    error = error ? error : recv_until(vconn, xid);
    error = error ? error : send_control(vconn, OFPBCT_COMMIT_REQUEST, &xid);
    return error ? error : recv_until(vconn, xid);
}
