# SPDX-License-Identifier: Apache-2.0

# Open vSwitch is prepared and built in ovs/.  Its make is a recursive one,
# behind two stamps that live in ovs/: it runs only when one of our files
# changed.
ovs_prepared = ovs/.ipo-prepared
ovs_built = ovs/.ipo-built

ovs_patches = $(wildcard $(srcdir)/vswitchd/patches/*.patch)

EXTRA_DIST += \
	vswitchd/README.rst \
	vswitchd/hooks \
	vswitchd/ovs-prepare \
	vswitchd/patches/series \
	vswitchd/versions \
	$(ovs_patches)

# The ceiling keeps git, which Open vSwitch's build asks about its files, from
# taking our own repository around ovs/ for Open vSwitch's.
ovs_make = GIT_CEILING_DIRECTORIES='$(abs_builddir)' $(MAKE) -C ovs

$(ovs_prepared): ovs-settings \
		$(srcdir)/lib/automake.mk \
		$(srcdir)/vswitchd/hooks \
		$(srcdir)/vswitchd/ovs-prepare \
		$(srcdir)/vswitchd/patches/series \
		$(srcdir)/vswitchd/versions \
		$(ovs_patches)
	@$(SHELL) $(srcdir)/vswitchd/ovs-prepare prepare \
	    ovs-settings ovs $(ipo_lib_files)

ovs-settings:
	$(SHELL) ./config.status --recheck

# The time of the stamp is that of the start, lest a file that changes while
# the build runs be left out.
$(ovs_built): $(ovs_prepared) $(ipo_lib_files)
	@: >$@.tmp
	+@$(ovs_make)
	@mv $@.tmp $@

# For what is compiled against its headers.  Those of DPDK want flags that Open
# vSwitch's configuration has found.
ovs_cflags = -Iovs -Iovs/include -Iovs/lib \
	$(shell sed -n 's/^OVS_CFLAGS = //p' ovs/Makefile)

all-local: $(ovs_built)

# Open vSwitch's two halves of "install" must not run side by side.
install-data-local: $(ovs_built)
	+@$(ovs_make) install

uninstall-local:
	+@if test -f ovs/Makefile; then $(ovs_make) uninstall; fi

clean-local:
	@rm -f $(ovs_built)
	+@if test -f $(ovs_prepared); then $(ovs_make) clean; fi

# Not while "clean" is at work in there.
distclean-local: clean-local
	rm -rf ovs ovs.new ovs.new.log \
	    ovs-plain ovs-plain.new ovs-plain.new.log

# Open vSwitch as it is without ipo, for comparison.
ovs-plain/.ipo-built: ovs-settings
	@$(SHELL) $(srcdir)/vswitchd/ovs-prepare plain ovs-settings ovs-plain
	+@GIT_CEILING_DIRECTORIES='$(abs_builddir)' $(MAKE) -C ovs-plain
	@: >$@
