// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only

/* Uses every function of lib/ipo-wire.h, so that all of it is compiled as
 * kernel code.  Never loaded: the test wants the object file alone.
 */

#include <linux/module.h>

#include "ipo-wire.h"

int ipo_wire_kernel(u8 *ip, size_t len, unsigned int plen, struct ipo_tx *tx,
		    struct ipo_rx *rx, const char **names);

int ipo_wire_kernel(u8 *ip, size_t len, unsigned int plen, struct ipo_tx *tx,
		    struct ipo_rx *rx, const char **names)
{
	const struct ipo_prefixes *prefixes = &tx->prefixes;
	u32 words[IPO_OPT_LEN_MAX / 4];
	u32 header[5] = { 0 };
	enum ipo_format format;
	u64 sum;
	int ret;

	tx->prefixes.local_mask = ipo_mask(plen);
	tx->prefixes.remote_mask = ipo_format_mask(IPO_SHORT);
	tx->formats = ipo_formats_auto(prefixes, tx->has_key);

	ret = ipo_read_ip_header(ip, len, header, &sum);
	if (ret < 0)
		goto drop;
	ret = ipo_check_inner_options(ip + IPO_IP_HLEN_MIN,
				      ret - IPO_IP_HLEN_MIN);
	if (ret < 0)
		goto drop;
	sum += ipo_csum_words(ip, IPO_IP_HLEN_MIN);
	if (ipo_csum_fold(sum) != 0xffff)
		return -IPO_DROP_CSUM;

	ret = ipo_choose_format(tx, ip[9], ipo_get32(ip + 12),
				ipo_get32(ip + 16));
	if (ret < 0)
		goto drop;
	format = ret;
	names[0] = ipo_format_name(format);
	if (!ipo_prefixes_fit(prefixes, format) ||
	    !ipo_protocol_shifts(ip[9]) ||
	    ipo_outer_protocol(format, ip[9]) == IPO_PROTO_EXTENDED)
		return ipo_option_len(format, tx->has_key);

	ret = ipo_encap(ip, len, tx);
	if (ret < 0)
		goto drop;
	ip -= ret;
	len += ret;
	ret = ipo_parse(ip, len, rx);
	if (ret < 0)
		goto drop;
	ret = ipo_parse_native(ip, len, rx);
	if (ret < 0)
		ret = ipo_parse_compact(ip, 24, rx);
	if (ret < 0)
		ret = ipo_parse_extended(ip, 28, rx);
	if (ret < 0)
		goto drop;
	ret = ipo_decap(ip, rx, prefixes);
	if (ret < 0)
		goto drop;

	if (!ipo_expand(&tx->src, format, prefixes->local,
			prefixes->local_mask))
		return -IPO_DROP_PREFIX;
	ret = ipo_make_option(words, format, tx, rx->protocol, tx->src,
			      tx->dst);
	ipo_put32(ip + IPO_IP_HLEN_MIN, words[0]);
	ipo_put_ip_header(ip, header, words[0]);
	return ret;

drop:
	names[0] = ipo_drop_name(-ret);
	names[1] = ipo_drop_text(-ret);
	return ret;
}

MODULE_DESCRIPTION("lib/ipo-wire.h as kernel code");
MODULE_LICENSE("Dual BSD/GPL");
