# SPDX-License-Identifier: Apache-2.0

# The Debian packages.
EXTRA_DIST += \
	debian/README.source \
	debian/changelog \
	debian/clean \
	debian/control \
	debian/copyright \
	debian/not-installed \
	debian/openvswitch-switch-ipo.README.Debian \
	debian/openvswitch-switch-ipo.docs \
	debian/openvswitch-switch-ipo.install \
	debian/openvswitch-switch-ipo.lintian-overrides \
	debian/openvswitch-switch-ipo.postinst \
	debian/openvswitch-switch-ipo.prerm \
	debian/ovs-ipo-dkms.dkms \
	debian/ovs-ipo-tools.docs \
	debian/ovs-ipo-tools.examples \
	debian/ovs-ipo-tools.install \
	debian/ovs-ipo-tools.lintian-overrides \
	debian/ovs-ipo-tools.postinst \
	debian/restart \
	debian/rules \
	debian/source/format \
	debian/source/options \
	debian/tests/control \
	debian/tests/demo
