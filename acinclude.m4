dnl SPDX-License-Identifier: Apache-2.0

dnl IPO_PRECIOUS
dnl
dnl Open vSwitch is configured when "make" runs: keeps those variables of the
dnl environment that its configure reads and ours does not.
AC_DEFUN([IPO_PRECIOUS],
  [AC_ARG_VAR([CPP], [C preprocessor, for Open vSwitch])
   AC_ARG_VAR([CXX], [C++ compiler, for Open vSwitch])
   AC_ARG_VAR([CXXFLAGS], [C++ compiler flags, for Open vSwitch])
   AC_ARG_VAR([PKG_CONFIG], [path of pkg-config, for Open vSwitch])
   AC_ARG_VAR([PKG_CONFIG_PATH],
              [folders to add to pkg-config's search path])
   AC_ARG_VAR([PKG_CONFIG_LIBDIR],
              [folders that replace pkg-config's search path])])

dnl IPO_CHECK_PYTHON3
dnl
dnl Sets PYTHON3.  The distribution's own Python is preferred, because the
dnl scripts that get installed name it.
AC_DEFUN([IPO_CHECK_PYTHON3],
  [AC_ARG_VAR([PYTHON3], [path of Python 3])
   ipo_given_PYTHON3=$PYTHON3
   AC_PATH_PROGS([PYTHON3], [python3], [],
                 [/usr/bin$PATH_SEPARATOR$PATH])
   if test -z "$PYTHON3"; then
     AC_MSG_ERROR([python3 is missing: install the package python3, or set PYTHON3 to its path])
   fi])

dnl IPO_CHECK_PROGS
dnl
dnl What ovs-prepare runs, so that a missing one is found here and not in the
dnl middle of "make".
AC_DEFUN([IPO_CHECK_PROGS],
  [m4_foreach_w([ipo_prog], [tar patch autoreconf automake libtoolize pkg-config],
     [AC_CHECK_PROG(AS_TR_SH([ipo_have_]ipo_prog), ipo_prog, [yes], [no])
      if test "$AS_TR_SH([ipo_have_]ipo_prog)" = no; then
        AC_MSG_ERROR([ipo_prog is missing: install the package m4_case(ipo_prog, [autoreconf], [autoconf], [libtoolize], [libtool], ipo_prog)])
      fi
     ])])

dnl IPO_CHECK_OVS_SOURCE
dnl
dnl Finds the Open vSwitch source and its version, sets OVS_SOURCE and
dnl OVS_VERSION, and writes the settings for vswitchd/ovs-prepare, which
dnl builds on them.  The file keeps its time while nothing in it changes, so
dnl that configuring again does not build Open vSwitch again.
AC_DEFUN([IPO_CHECK_OVS_SOURCE],
  [AC_ARG_WITH([ovs-source],
     [AS_HELP_STRING([--with-ovs-source=PATH],
        [Open vSwitch source: a tree, a tarball or a folder that holds one
         (default: /usr/src/openvswitch)])],
     [],
     [with_ovs_source=/usr/src/openvswitch])
   case $with_ovs_source in #(
     yes | no | '')
       AC_MSG_ERROR([--with-ovs-source needs a path: a source tree, a tarball, or a folder that holds one]) ;;
   esac

   AC_MSG_CHECKING([for the Open vSwitch source])
   ipo_prepare=$srcdir/vswitchd/ovs-prepare
   ipo_probe=`$SHELL "$ipo_prepare" probe "$with_ovs_source" 2>&1`
   if test $? != 0; then
     AC_MSG_RESULT([no])
     ipo_probe=`echo "$ipo_probe" | sed 's/^ovs-prepare: //'`
     AC_MSG_ERROR([$ipo_probe])
   fi
   AC_SUBST([OVS_VERSION], [`echo "$ipo_probe" | sed 's/ .*//'`])
   AC_SUBST([OVS_SOURCE], [`echo "$ipo_probe" | sed 's/@<:@^ @:>@* //'`])
   AC_MSG_RESULT([$OVS_VERSION, $OVS_SOURCE])

   set dummy
   if test -z "$ipo_given_PYTHON3"; then
     set dummy "PYTHON3=$PYTHON3"
   fi
   shift
   eval '$SHELL "$ipo_prepare" config "$OVS_SOURCE" "$OVS_VERSION"' \
     "$ac_configure_args" '"$[]@"' >ovs-settings.tmp ||
     AC_MSG_ERROR([cannot write ovs-settings])
   if cmp -s ovs-settings.tmp ovs-settings; then
     rm -f ovs-settings.tmp
   else
     mv -f ovs-settings.tmp ovs-settings
   fi])

dnl IPO_CHECK_SANITIZERS
dnl
dnl Checks whether programs can be built with AddressSanitizer and UBSan.
AC_DEFUN([IPO_CHECK_SANITIZERS],
  [AC_SUBST([SANITIZER_CFLAGS],
            ['-fsanitize=address,undefined -fno-sanitize-recover=all'])
   AC_CACHE_CHECK([for the sanitizers of $CC], [ipo_cv_sanitizers],
     [ipo_save_CFLAGS=$CFLAGS
      CFLAGS="$CFLAGS $SANITIZER_CFLAGS"
      AC_LINK_IFELSE([AC_LANG_PROGRAM], [ipo_cv_sanitizers=yes],
                     [ipo_cv_sanitizers=no])
      CFLAGS=$ipo_save_CFLAGS])
   AM_CONDITIONAL([HAVE_SANITIZERS], [test $ipo_cv_sanitizers = yes])])

dnl IPO_ARG_PLUGINS(NAME, PROGRAM, FOLDER)
dnl
dnl Adds the option --with-NAME-plugins, and sets NAME_pluginsdir to where PROGRAM
dnl looks for plug-ins: FOLDER of the system's libraries.  That is only right in
dnl the system's prefixes: what is installed elsewhere stays together.
AC_DEFUN([IPO_ARG_PLUGINS],
  [AC_ARG_WITH([$1-plugins],
     [AS_HELP_STRING([--with-$1-plugins=DIR],
        [where $2 looks for plug-ins (default: its folder on this system,
         or LIBDIR/$3 with a --prefix of your own)])],
     [],
     [with_$1_plugins=])
   case $with_$1_plugins,$prefix in #(
     yes,* | no,*)
       AC_MSG_ERROR([--with-$1-plugins needs a folder]) ;; #(
     ,NONE | ,/usr | ,/usr/local)
       ipo_multiarch=`$CC -print-multiarch 2>/dev/null`
       with_$1_plugins=/usr/lib/${ipo_multiarch:+$ipo_multiarch/}$3 ;; #(
     ,*)
       with_$1_plugins='${libdir}/$3' ;;
   esac
   AC_SUBST([$1_pluginsdir], [$with_$1_plugins])])
