#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# An error that tests/static/run has to see shellcheck find.  Nobody runs this.

rm -f $1
