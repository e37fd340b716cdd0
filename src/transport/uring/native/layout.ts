/**
 * The structures of the kernel's `io_uring.h` that are read and written here: sizes, places and numbers, once.
 * They are part of the kernel's binary interface and the same on x64 and arm64, both little-endian.
 */

/** System calls: the same numbers on every architecture that Linux has gained since 2019's 5.1. */
export const SYS_IO_URING_SETUP = 425;
export const SYS_IO_URING_ENTER = 426;
export const SYS_IO_URING_REGISTER = 427;

/** `struct io_uring_params`: 120 bytes, read and written as 32-bit words. */
export const PARAMS_WORDS = 30;
export const PARAMS_SQ_ENTRIES = 0;
export const PARAMS_CQ_ENTRIES = 1;
export const PARAMS_FLAGS = 2;
export const PARAMS_FEATURES = 5;
/** Words of `struct io_sqring_offsets`, in which head, tail, mask, entries, flags, dropped, array follow each other. */
export const PARAMS_SQ_OFFSETS = 10;
/** Words of `struct io_cqring_offsets`: head, tail, mask, entries, overflow, cqes, flags. */
export const PARAMS_CQ_OFFSETS = 20;
export const OFFSET_HEAD = 0;
export const OFFSET_TAIL = 1;
export const OFFSET_ENTRIES = 3;
export const OFFSET_ARRAY = 6;
/** Of a completion ring. */
export const OFFSET_CQES = 5;

/** `struct io_uring_sqe` and `struct io_uring_cqe`, in bytes. */
export const SQE_BYTES = 64;
export const CQE_BYTES = 16;

/** Where the two mappings of a ring's descriptor begin. */
export const MAP_RINGS = 0;
export const MAP_SQES = 0x1000_0000;

// Flags of setup.
export const SETUP_CQSIZE: number = 1 << 3;
export const SETUP_SUBMIT_ALL: number = 1 << 7;
/** Work of the kernel for a task waits until the task asks for completions, instead of interrupting it. */
export const SETUP_SINGLE_ISSUER: number = 1 << 12;
export const SETUP_DEFER_TASKRUN: number = 1 << 13;

// Features that setup reports.
export const FEAT_SINGLE_MMAP: number = 1 << 0;
/** Completions that find no room wait in the kernel. */
export const FEAT_NODROP: number = 1 << 1;
/** What an entry points to may change once it is submitted. */
export const FEAT_SUBMIT_STABLE: number = 1 << 2;
export const FEAT_FAST_POLL: number = 1 << 5;
/** `enter` takes a time to wait. */
export const FEAT_EXT_ARG: number = 1 << 8;

// Flags of enter.
export const ENTER_GETEVENTS = 1;
export const ENTER_EXT_ARG: number = 1 << 3;

/** `struct io_uring_getevents_arg`: sigmask u64, sigmask size u32, min_wait_usec u32, timespec pointer u64. */
export const GETEVENTS_ARG_BYTES = 24;

// Operations.
export const OP_POLL_ADD = 6;
export const OP_SENDMSG = 9;
export const OP_ACCEPT = 13;
export const OP_ASYNC_CANCEL = 14;
export const OP_CONNECT = 16;
export const OP_SEND = 26;
export const OP_RECV = 27;

/** Flag of an entry: the kernel takes a buffer of the entry's group when there are bytes. */
export const SQE_BUFFER_SELECT: number = 1 << 5;
/** In `ioprio` of receive and of accept: goes on until it ends or is cancelled. */
export const RECV_MULTISHOT: number = 1 << 1;
export const ACCEPT_MULTISHOT: number = 1 << 0;

/** In the length of a poll: goes on until it ends or is cancelled, and tells each change once. */
export const POLL_MULTISHOT: number = 1 << 0;

/** Of a cancel: all entries that match, not only the first. */
export const CANCEL_ALL: number = 1 << 0;

// Flags of a completion.
/** The number of a provided buffer is in the upper 16 bits. */
export const CQE_BUFFER: number = 1 << 0;
/** More completions of the same entry follow. */
export const CQE_MORE: number = 1 << 1;

// Registration.
export const REGISTER_PBUF_RING = 22;
/** `struct io_uring_buf`: addr u64, len u32, bid u16, resv u16. The ring's tail is the `resv` of the first. */
export const BUF_BYTES = 16;
/** `struct io_uring_buf_reg`, as 32-bit words. */
export const BUF_REG_WORDS = 10;

// Poll events (`poll.h`).
export const POLLIN = 0x1;
export const POLLOUT = 0x4;

// Sockets (asm-generic, as on x64 and arm64).
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_NONBLOCK = 0x800;
export const SOCK_CLOEXEC = 0x8_0000;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_KEEPALIVE = 9;
export const SO_LINGER = 13;
export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const TCP_KEEPIDLE = 4;
export const TCP_KEEPINTVL = 5;
export const TCP_KEEPCNT = 6;
export const IPPROTO_IPV6 = 41;
export const IPV6_V6ONLY = 26;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;

/** `struct msghdr` on 64-bit: name, namelen, iov, iovlen, control, controllen, flags. */
export const MSGHDR_BYTES = 56;
export const MSGHDR_IOV = 16;
export const MSGHDR_IOVLEN = 24;
export const IOVEC_BYTES = 16;

/** `struct sockaddr_un`, the largest of the addresses used here. */
export const SOCKADDR_BYTES = 110;

// Errors, as the kernel returns them in completions (negated).
export const EINTR = 4;
export const EAGAIN = 11;
export const EBUSY = 16;
export const ETIME = 62;
export const ENOMEM = 12;
export const ENOBUFS = 105;
export const ECANCELED = 125;
