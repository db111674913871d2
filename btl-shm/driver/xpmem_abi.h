/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The user interface of /dev/xpmem: what programs and the module agree on.
 *
 * A process declares a range of its addresses (MAKE gives a segid), another one
 * asks for access (GET gives an apid) and maps pieces of it (ATTACH). All sizes
 * and offsets are bytes, all addresses virtual.
 */
#ifndef XPMEM_ABI_H
#define XPMEM_ABI_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Major 3, minor 0, patch level 0. */
#define XPMEM_VERSION		0x00030000

#define XPMEM_CMD_VERSION	_IO('x', 0)
#define XPMEM_CMD_MAKE		_IO('x', 1)
#define XPMEM_CMD_REMOVE	_IO('x', 2)	/* pointer to a segid */
#define XPMEM_CMD_GET		_IO('x', 3)
#define XPMEM_CMD_RELEASE	_IO('x', 4)	/* pointer to an apid */
#define XPMEM_CMD_ATTACH	_IO('x', 5)
#define XPMEM_CMD_DETACH	_IO('x', 6)	/* pointer to an address */
#define XPMEM_CMD_FORK_BEGIN	_IO('x', 7)	/* 0: nothing to do */
#define XPMEM_CMD_FORK_END	_IO('x', 8)	/* 0: nothing to do */

/* The caller has no state: it was forked, or closed its descriptors. */
#define XPMEM_ERRNO_NOPROC	2004

#define XPMEM_PERMIT_MODE	1	/* the only permit_type */
#define XPMEM_MAXADDR_SIZE	(~(__u64)0)	/* to the end of user space */

#define XPMEM_RDONLY		1
#define XPMEM_RDWR		2

struct xpmem_make {
	__u64 vaddr;		/* first byte of the range */
	__u64 size;
	__s32 permit_type;
	__u32 pad;
	__u64 permit_value;	/* permission bits, within 0777 */
	__s64 segid;		/* out */
};

struct xpmem_get {
	__s64 segid;
	__s32 flags;		/* XPMEM_RDONLY or XPMEM_RDWR; 0 is read-only */
	__s32 permit_type;
	__u64 permit_value;	/* 0 */
	__s64 apid;		/* out */
};

struct xpmem_attach {
	__s64 apid;
	__s64 offset;		/* in the segment */
	__u64 size;
	__u64 vaddr;		/* in: 0 or a fixed address; out: the mapping */
	__s32 fd;		/* ignored */
	__s32 flags;		/* ignored */
};

#endif
