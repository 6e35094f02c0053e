// SPDX-License-Identifier: GPL-2.0-only
/* Which fragments in compact format are inner ones.
 *
 * An inner fragment has an option of its own, and is decapsulated by itself
 * (wire-format.rst, rule 3).  One that an underlay router made has lost it, but
 * for the first of a packet: those the stack puts together (rule 4).  The first
 * looks the same in both cases, so it waits here until the next one tells.
 */
#include <linux/jhash.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/ip.h>

#include "ipo.h"

/* Of a packet's fragments, before there was one: no enum ipo_frag. */
#define UNKNOWN 0

struct frag_key {
	__be32 saddr, daddr;
	__be16 id;
	u8 protocol;
};

/* The last packet that hashed here.  Another one's may take its place at any
 * time: then a first fragment that waits is taken for an inner one.
 */
struct slot {
	spinlock_t lock;		/* For all that follows. */
	u8 kind;			/* UNKNOWN, or enum ipo_frag. */
	struct frag_key key;
	unsigned long used;		/* In jiffies. */
	struct sk_buff *first;
};

#define N_SLOTS 256

/* How long a packet is remembered, and its first fragment waits. */
#define SLOT_LIFE (2 * HZ)

struct ipo_fragsort {
	struct delayed_work expiry;	/* While fragments wait. */
	u32 seed;
	struct slot slots[N_SLOTS];
};

/* Stores in *@key what all fragments of a packet have in common. */
static void get_key(struct frag_key *key, const struct iphdr *iph)
{
	key->saddr = iph->saddr;
	key->daddr = iph->daddr;
	key->id = iph->id;
	key->protocol = iph->protocol;
}

/* Whether two keys are those of one packet. */
static bool same_key(const struct frag_key *a, const struct frag_key *b)
{
	return a->saddr == b->saddr && a->daddr == b->daddr &&
	       a->id == b->id && a->protocol == b->protocol;
}

/* The slot for the packet with this key, which another packet may have at the
 * moment.  The caller takes its lock.
 */
static struct slot *find_slot(struct ipo_fragsort *fs,
			      const struct frag_key *key)
{
	u32 hash = jhash_3words((__force u32)key->saddr,
				(__force u32)key->daddr,
				(__force u32)key->id << 8 | key->protocol,
				fs->seed);

	return &fs->slots[hash % N_SLOTS];
}

/* Keeps a first fragment.  Neither its device nor its route may be gone when it
 * leaves, so both are looked up again then.
 */
static void keep(struct ipo_fragsort *fs, struct slot *slot,
		 struct sk_buff *skb)
{
	skb->skb_iif = skb->dev->ifindex;
	skb->dev = NULL;
	skb_dst_drop(skb);
	slot->first = skb;
	schedule_delayed_work(&fs->expiry, SLOT_LIFE);
}

/* Puts the first fragment, if it is here, into the queue. */
static void release(struct slot *slot, struct net *net,
		    struct sk_buff_head *queue)
{
	struct sk_buff *skb = slot->first;

	slot->first = NULL;
	if (!skb)
		return;
	skb->dev = dev_get_by_index_rcu(net, skb->skb_iif);
	if (skb->dev)
		__skb_queue_tail(queue, skb);
	else
		kfree_skb(skb);
}

/* Forgets a first fragment that has waited for too long: the others are lost. */
static bool expire(struct slot *slot)
{
	if (!time_after(jiffies, slot->used + SLOT_LIFE))
		return false;
	kfree_skb(slot->first);
	slot->first = NULL;
	return true;
}

/* Work item: drops the first fragments that have waited for too long, and runs
 * again later if others wait.
 */
static void expire_all(struct work_struct *work)
{
	struct ipo_fragsort *fs = container_of(work, struct ipo_fragsort,
					       expiry.work);
	bool waiting = false;
	int i;

	for (i = 0; i < N_SLOTS; i++) {
		struct slot *slot = &fs->slots[i];

		spin_lock_bh(&slot->lock);
		if (slot->first && !expire(slot))
			waiting = true;
		spin_unlock_bh(&slot->lock);
	}
	if (waiting)
		schedule_delayed_work(&fs->expiry, SLOT_LIFE);
}

/* What is known of the packet with this key, or a new slot for it.  A first
 * fragment of another packet that waited there is put into @inner.
 */
static void renew(struct slot *slot, const struct frag_key *key, struct net *net,
		  struct sk_buff_head *inner)
{
	if (expire(slot) || !same_key(&slot->key, key)) {
		release(slot, net, inner);
		slot->key = *key;
		slot->kind = UNKNOWN;
	}
	slot->used = jiffies;
}

/**
 * ipo_fragsort() - say what a compact fragment is
 * @fs: what is known of others
 * @net: the underlay's namespace
 * @skb: the fragment, its data at the outer header
 * @inner: gets inner fragments that have waited
 * @routers: gets a router's fragment that has waited
 *
 * Return: what @skb is; if IPO_FRAG_WAITS, it is kept.
 */
enum ipo_frag ipo_fragsort(struct ipo_fragsort *fs, struct net *net,
			   struct sk_buff *skb, struct sk_buff_head *inner,
			   struct sk_buff_head *routers)
{
	const struct iphdr *iph = ip_hdr(skb);
	bool has_option = iph->ihl > 5 && *(u8 *)(iph + 1) == IPO_OPT_COMPACT;
	bool is_first = !(iph->frag_off & htons(IP_OFFSET));
	struct slot *slot;
	enum ipo_frag kind;
	struct frag_key key;

	get_key(&key, iph);
	slot = find_slot(fs, &key);
	spin_lock_bh(&slot->lock);
	renew(slot, &key, net, inner);
	if (slot->kind == UNKNOWN && has_option && is_first) {
		keep(fs, slot, skb);
		slot->kind = IPO_FRAG_WAITS;
	} else if (slot->kind == UNKNOWN || slot->kind == IPO_FRAG_WAITS) {
		slot->kind = has_option ? IPO_FRAG_INNER : IPO_FRAG_ROUTERS;
		release(slot, net, has_option ? inner : routers);
	}
	kind = slot->kind;
	spin_unlock_bh(&slot->lock);
	return kind;
}

/**
 * ipo_fragsort_alloc() - begin to sort fragments
 *
 * Return: nothing known yet, or NULL.
 */
struct ipo_fragsort *ipo_fragsort_alloc(void)
{
	struct ipo_fragsort *fs = kvzalloc(sizeof(*fs), GFP_KERNEL);
	int i;

	if (!fs)
		return NULL;
	INIT_DELAYED_WORK(&fs->expiry, expire_all);
	fs->seed = get_random_u32();
	for (i = 0; i < N_SLOTS; i++)
		spin_lock_init(&fs->slots[i].lock);
	return fs;
}

/**
 * ipo_fragsort_free() - undo ipo_fragsort_alloc()
 * @fs: what nobody uses any more
 */
void ipo_fragsort_free(struct ipo_fragsort *fs)
{
	int i;

	cancel_delayed_work_sync(&fs->expiry);
	for (i = 0; i < N_SLOTS; i++)
		kfree_skb(fs->slots[i].first);
	kvfree(fs);
}
