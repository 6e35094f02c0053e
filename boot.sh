#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Writes ./configure and what it needs.  For a checkout; a tarball made by
# "make dist" comes with them.

set -e
cd "$(dirname "$0")"
exec autoreconf --force --install
