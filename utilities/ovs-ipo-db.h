/* SPDX-License-Identifier: Apache-2.0 */

/* What only those files of ovs-ipo need that read the database. */

#ifndef OVS_IPO_DB_H
#define OVS_IPO_DB_H 1

#include <stdbool.h>

#include "vswitch-idl.h"

struct db {
    struct ovsdb_idl *idl;
    bool dry_run;
    struct ovsdb_idl_txn *txn;  /* Null if no change has begun. */
};

#endif /* ovs-ipo-db.h */
