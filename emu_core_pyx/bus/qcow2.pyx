"""qcow2 images: clusters found through two levels of tables, the rest from a backing medium.

Opening, checking and creating is images/qcow2.py's; here is what runs while the guest does.  Second-level tables stay in memory
(8 bytes a cluster) until they are 64 MiB; then those that hold nothing new go.  A flush brings an image to the disk in an
order that leaves it whole wherever the power goes: reference counts and data first, then second-level tables, then the
first-level table, and only then counts that sink.  What a crash can leave behind is space nobody uses (`qemu-img check`
reports leaks, never errors).  New clusters go to the end of the file; freed ones are not used again.

Not here: encryption, external data files, extended L2 entries, writing with reference counts of other than 16 bits.
Spec: QEMU docs/interop/qcow2.txt.
"""
import zlib

from libc.errno cimport EIO, ENOMEM, ENOSPC
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset
from posix.unistd cimport close as close_fd
from emu_core_pyx.types cimport u8, u16, u32, u64
from emu_core_pyx.bus.hostfile cimport read_all, sync_data, write_all
from emu_core_pyx.bus.medium cimport Medium

cdef extern from *:
    """
    #define emu_swap64 __builtin_bswap64
    #define emu_swap16 __builtin_bswap16
    """
    u64 swap64 "emu_swap64"(u64 v) nogil
    u16 swap16 "emu_swap16"(u16 v) nogil

cdef enum:
    MAX_TABLE = 33554432                # bytes of a refcount table
    MAX_HELD = 67108864                 # bytes of second-level tables in memory, before clean ones go

cdef u64 COPIED = <u64>1 << 63          # reference count is exactly one: may be written in place
cdef u64 COMPRESSED = <u64>1 << 62
cdef u64 ALL_ZERO = 1
cdef u64 OFFSET = <u64>0x00FFFFFFFFFFFE00


cdef class Qcow2Medium(Medium):
    """The image behind `fd`, which belongs to the medium from now on; `below` is the backing medium or None."""
    cdef readonly Medium below
    cdef readonly int fd
    cdef u32 bits                       # cluster size is 1 << bits
    cdef u64 cluster
    cdef u64 per_table                  # entries of an L2 table
    cdef u64 per_block                  # counts of a refcount block
    cdef u64 l1_at
    cdef u64 l1_n
    cdef u64 *l1
    cdef u64 **l2                       # tables in memory, host byte order; NULL: not met yet
    cdef u8 *l2_dirty
    cdef readonly u64 held              # bytes of them
    cdef u64 held_limit
    cdef bint l1_dirty
    cdef u64 refs_at
    cdef u64 refs_n
    cdef u64 *refs                      # refcount table
    cdef u16 **blocks                   # refcount blocks in memory
    cdef u8 *block_dirty
    cdef bint refs_dirty
    cdef bint header_dirty              # the refcount table has moved
    cdef u64 end                        # first cluster behind the file
    cdef u64 *sinking                   # clusters that lose a reference once the tables are on the disk
    cdef u64 sinking_n
    cdef u64 sinking_room
    cdef u8 *scratch                    # two clusters: being assembled, and decompressed
    cdef u64 unpacked                   # L2 entry whose contents are in the second
    cdef object decompress
    cdef bint writethrough

    def __cinit__(self):
        self.fd = -1

    def __init__(self, int fd, u64 size, bint readonly, u32 bits, u64 l1_at, u64 l1_n, u64 refs_at, u64 refs_n, u64 file_size,
                 Medium below=None, decompress=None, bint writethrough=False):
        cdef u64 k
        self.size = size
        self.readonly = readonly
        self.writethrough = writethrough
        self.below = below
        self.decompress = decompress if decompress is not None else inflate
        self.bits = bits
        self.cluster = <u64>1 << bits
        self.per_table = self.cluster >> 3
        self.per_block = self.cluster >> 1
        self.held_limit = MAX_HELD
        self.l1_at = l1_at
        self.l1_n = l1_n
        self.refs_at = refs_at
        self.refs_n = 0 if readonly else refs_n
        self.end = (file_size + self.cluster - 1) >> bits
        self.l1 = <u64 *>calloc(l1_n + 1, 8)
        self.l2 = <u64 **>calloc(l1_n + 1, sizeof(void *))
        self.l2_dirty = <u8 *>calloc(l1_n + 1, 1)
        self.refs = <u64 *>calloc(self.refs_n + 1, 8)
        self.blocks = <u16 **>calloc(self.refs_n + 1, sizeof(void *))
        self.block_dirty = <u8 *>calloc(self.refs_n + 1, 1)
        self.scratch = <u8 *>malloc(2 * self.cluster)
        if not (self.l1 and self.l2 and self.l2_dirty and self.refs and self.blocks and self.block_dirty and self.scratch):
            raise MemoryError("no memory for the tables of a qcow2 image")
        err = read_all(fd, l1_at, <u8 *>self.l1, l1_n * 8) or read_all(fd, refs_at, <u8 *>self.refs, self.refs_n * 8)
        if err:
            raise OSError(err, "the tables of a qcow2 image cannot be read")
        for k in range(l1_n):
            self.l1[k] = swap64(self.l1[k])
        for k in range(self.refs_n):
            self.refs[k] = swap64(self.refs[k])
        self.fd = fd

    def __dealloc__(self):
        cdef u64 k
        if self.l2 != NULL:
            for k in range(self.l1_n):
                free(self.l2[k])
        if self.blocks != NULL:
            for k in range(self.refs_n):
                free(self.blocks[k])
        free(self.l1)
        free(self.l2)
        free(self.l2_dirty)
        free(self.refs)
        free(self.blocks)
        free(self.block_dirty)
        free(self.sinking)
        free(self.scratch)
        if self.fd >= 0:
            close_fd(self.fd)

    # ---- reading -------------------------------------------------------------------------------
    cdef int table(self, u64 k) noexcept nogil:
        """Have L2 table k in memory; NULL stays where the image has none."""
        cdef u64 j, at = self.l1[k] & OFFSET
        cdef u64 *t
        cdef int err
        if self.l2[k] != NULL or at == 0:
            return 0
        if at & (self.cluster - 1):
            return EIO
        if self.held >= self.held_limit:
            self.forget_clean()
        t = <u64 *>malloc(self.cluster)
        if t == NULL:
            return ENOMEM
        err = read_all(self.fd, at, <u8 *>t, self.cluster)
        if err:
            free(t)
            return err
        for j in range(self.per_table):
            t[j] = swap64(t[j])
        self.l2[k] = t
        self.held += self.cluster
        return 0

    cdef void forget_clean(self) noexcept nogil:
        """Free the tables that are on the disk as they are; a sweep that finds few is not repeated soon."""
        cdef u64 k
        for k in range(self.l1_n):
            if self.l2[k] != NULL and not self.l2_dirty[k]:
                free(self.l2[k])
                self.l2[k] = NULL
                self.held -= self.cluster
        self.held_limit = max(<u64>MAX_HELD, 2 * self.held)

    cdef int entry_of(self, u64 at, u64 *entry) noexcept nogil:
        """The L2 entry of the cluster that holds byte `at`."""
        cdef u64 n = at >> self.bits, k = n // self.per_table
        cdef int err
        entry[0] = 0
        if k >= self.l1_n:
            return EIO
        err = self.table(k)
        if err == 0 and self.l2[k] != NULL:
            entry[0] = self.l2[k][n % self.per_table]
        return err

    cdef int load(self, u64 entry, u64 at, u8 *dst, u64 n) noexcept nogil:
        """n bytes of one cluster."""
        cdef u64 off = at & (self.cluster - 1)
        cdef int err
        if entry & COMPRESSED:
            if self.unpacked != entry:
                self.unpacked = 0
                err = self.unpack(entry)
                if err:
                    return err
                self.unpacked = entry
            memcpy(dst, self.scratch + self.cluster + off, n)
            return 0
        if entry & ALL_ZERO:
            memset(dst, 0, n)
            return 0
        if entry & OFFSET:
            if entry & OFFSET & (self.cluster - 1):
                return EIO
            return read_all(self.fd, (entry & OFFSET) + off, dst, n)
        if self.below is not None:
            return self.below.read(at, dst, n)
        memset(dst, 0, n)
        return 0

    cdef int unpack(self, u64 entry) noexcept with gil:
        """A compressed cluster goes to the second half of the scratch space."""
        cdef u32 shift = 62 - (self.bits - 8)
        cdef u64 at = entry & (((<u64>1) << shift) - 1)
        cdef u64 n = ((entry & (COMPRESSED - 1)) >> shift) * 512 + 512 - (at & 511)
        cdef bytearray packed = bytearray(n)
        cdef u8 *p = packed
        cdef int err = read_all(self.fd, at, p, n)
        if err:
            return err
        try:
            data = self.decompress(bytes(packed), self.cluster)
        except Exception:                   # whatever a decompressor says: the image is damaged there
            return EIO
        if <u64>len(data) != self.cluster:
            return EIO
        memcpy(self.scratch + self.cluster, <const u8 *>(<bytes>data), self.cluster)
        return 0

    cdef int do_read(self, u64 at, void *dst, u64 n) noexcept nogil:
        cdef u64 k, entry = 0
        cdef u8 *to = <u8 *>dst
        cdef int err
        while n:
            k = min(self.cluster - (at & (self.cluster - 1)), n)
            err = self.entry_of(at, &entry)
            if err == 0:
                err = self.load(entry, at, to, k)
            if err:
                return err
            to += k
            at += k
            n -= k
        return 0

    # ---- reference counts ----------------------------------------------------------------------
    cdef int block(self, u64 k) noexcept nogil:
        """Have refcount block k in memory, made if the image has none."""
        cdef u64 j
        cdef u16 *t
        cdef int err
        while k >= self.refs_n:
            err = self.grow()
            if err:
                return err
        if self.blocks[k] != NULL:
            return 0
        t = <u16 *>calloc(self.per_block, 2)
        if t == NULL:
            return ENOMEM
        if self.refs[k] & OFFSET:
            err = read_all(self.fd, self.refs[k] & OFFSET, <u8 *>t, self.cluster)
            if err:
                free(t)
                return err
            for j in range(self.per_block):
                t[j] = swap16(t[j])
            self.blocks[k] = t
            return 0
        # a new block lies at the end of the file, among the clusters it counts, or the next block counts it
        self.blocks[k] = t
        self.refs[k] = self.end << self.bits
        self.refs_dirty = True
        self.end += 1
        return self.count(self.end - 1)

    cdef int grow(self) noexcept nogil:
        """A refcount table of twice the size, at the end of the file; the header names it with the next flush."""
        cdef u64 n = self.refs_n * 2, k, first = self.end, old_at = self.refs_at, old_n = self.refs_n
        cdef u64 *refs = <u64 *>calloc(n + 1, 8)
        cdef u16 **blocks = <u16 **>calloc(n + 1, sizeof(void *))
        cdef u8 *dirty = <u8 *>calloc(n + 1, 1)
        cdef int err = 0
        if refs == NULL or blocks == NULL or dirty == NULL or n * 8 > MAX_TABLE:
            free(refs)
            free(blocks)
            free(dirty)
            return ENOSPC if n * 8 > MAX_TABLE else ENOMEM
        memcpy(refs, self.refs, old_n * 8)
        memcpy(blocks, self.blocks, old_n * sizeof(void *))
        memcpy(dirty, self.block_dirty, old_n)
        free(self.refs)
        free(self.blocks)
        free(self.block_dirty)
        self.refs = refs
        self.blocks = blocks
        self.block_dirty = dirty
        self.refs_n = n
        self.refs_at = first << self.bits
        self.refs_dirty = self.header_dirty = True
        self.end += n * 8 >> self.bits
        for k in range(n * 8 >> self.bits):
            if err == 0:
                err = self.count(first + k)
        for k in range(old_n * 8 >> self.bits):
            if err == 0:
                err = self.drop(old_at + (k << self.bits))
        return err

    cdef int count(self, u64 n) noexcept nogil:
        """Cluster n is used once."""
        cdef int err = self.block(n // self.per_block)
        if err == 0:
            self.blocks[n // self.per_block][n % self.per_block] = 1
            self.block_dirty[n // self.per_block] = 1
        return err

    cdef int take(self, u64 *at) noexcept nogil:
        """A new cluster; where it lies in the file."""
        cdef u64 n = self.end
        cdef int err = self.block(n // self.per_block)
        while err == 0 and n != self.end:           # a refcount block was put there
            n = self.end
            err = self.block(n // self.per_block)
        if err == 0:
            err = self.count(n)
        if err == 0:
            self.end = n + 1
            at[0] = n << self.bits
        return err

    cdef int drop(self, u64 at) noexcept nogil:
        """The cluster at this place loses a reference with the next flush."""
        cdef u64 *more
        cdef u64 k
        if self.sinking_n == self.sinking_room:
            more = <u64 *>malloc((self.sinking_room * 2 + 64) * 8)
            if more == NULL:
                return ENOMEM
            for k in range(self.sinking_n):
                more[k] = self.sinking[k]
            free(self.sinking)
            self.sinking = more
            self.sinking_room = self.sinking_room * 2 + 64
        self.sinking[self.sinking_n] = at >> self.bits
        self.sinking_n += 1
        return 0

    cdef int drop_entry(self, u64 entry) noexcept nogil:
        """What an L2 entry pointed at is not wanted by it any more."""
        cdef u32 shift = 62 - (self.bits - 8)
        cdef u64 at, last
        cdef int err = 0
        if entry & COMPRESSED:
            at = entry & (((<u64>1) << shift) - 1)
            last = (at & ~<u64>511) + ((entry & (COMPRESSED - 1)) >> shift) * 512 + 511
            at &= ~(self.cluster - 1)
            while at <= last and err == 0:
                err = self.drop(at)
                at += self.cluster
        elif entry & OFFSET:
            err = self.drop(entry & OFFSET)
        return err

    # ---- writing -------------------------------------------------------------------------------
    cdef int table_for_writing(self, u64 k) noexcept nogil:
        """L2 table k, of this image alone."""
        cdef int err = self.table(k)
        cdef u64 at = 0
        if err:
            return err
        if self.l2[k] != NULL and self.l1[k] & COPIED:
            self.l2_dirty[k] = 1
            return 0
        err = self.take(&at)
        if err:
            return err
        if self.l2[k] == NULL:
            if self.held >= self.held_limit:
                self.forget_clean()
            self.l2[k] = <u64 *>calloc(self.per_table, 8)
            if self.l2[k] == NULL:
                return ENOMEM
            self.held += self.cluster
        else:
            err = self.drop(self.l1[k] & OFFSET)
        self.l1[k] = at | COPIED
        self.l1_dirty = True
        self.l2_dirty[k] = 1
        return err

    cdef int do_write(self, u64 at, const void *src, u64 n) noexcept nogil:
        cdef u64 k
        cdef const u8 *data = <const u8 *>src
        cdef int err = 0
        while n and err == 0:
            k = min(self.cluster - (at & (self.cluster - 1)), n)
            err = self.store(at, data, k)
            data += k
            at += k
            n -= k
        if err == 0 and self.writethrough:
            err = self.do_flush()
        return err

    cdef int store(self, u64 at, const u8 *src, u64 n) noexcept nogil:
        """n bytes into one cluster."""
        cdef u64 off = at & (self.cluster - 1), number = at >> self.bits, k = number // self.per_table, entry = 0, place = 0, have
        cdef int err = self.entry_of(at, &entry)
        if err:
            return err
        if entry & COPIED and entry & OFFSET and not entry & (COMPRESSED | ALL_ZERO) and self.l1[k] & COPIED:
            if entry & OFFSET & (self.cluster - 1):
                return EIO
            return write_all(self.fd, (entry & OFFSET) + off, src, n)
        if n < self.cluster:
            have = min(self.cluster, self.size - (at - off))
            memset(self.scratch, 0, self.cluster)
            err = self.load(entry, at - off, self.scratch, have)
            if err:
                return err
            memcpy(self.scratch + off, src, n)
            src = self.scratch
        err = self.table_for_writing(k)
        if err == 0:
            err = self.take(&place)
        if err == 0:
            err = write_all(self.fd, place, src, self.cluster)
        if err == 0:
            err = self.drop_entry(entry)
        if err == 0:
            self.l2[k][number % self.per_table] = place | COPIED
        return err

    # ---- flushing ------------------------------------------------------------------------------
    cdef int put64(self, u64 at, const u64 *src, u64 n) noexcept nogil:
        """Numbers, big-endian, in pieces of at most a cluster."""
        cdef u64 k, j, done = 0
        cdef u64 *out = <u64 *>self.scratch
        cdef int err = 0
        while done < n and err == 0:
            k = min(n - done, self.per_table)
            for j in range(k):
                out[j] = swap64(src[done + j])
            err = write_all(self.fd, at + done * 8, self.scratch, k * 8)
            done += k
        return err

    cdef int put_counts(self) noexcept nogil:
        """Changed refcount blocks, then the table that says where they are."""
        cdef u64 k, j
        cdef u16 *out = <u16 *>self.scratch
        cdef int err = 0
        for k in range(self.refs_n):
            if self.block_dirty[k]:
                for j in range(self.per_block):
                    out[j] = swap16(self.blocks[k][j])
                err = write_all(self.fd, self.refs[k] & OFFSET, self.scratch, self.cluster)
                if err:
                    return err
                self.block_dirty[k] = 0
        if self.refs_dirty:
            err = self.put64(self.refs_at, self.refs, self.refs_n)
            if err == 0:
                self.refs_dirty = False
        return err

    cdef int put_header(self) noexcept nogil:
        """Where the refcount table is, and its clusters."""
        cdef u64 at = swap64(self.refs_at), n = swap64(self.refs_n * 8 >> self.bits)
        cdef u8 field[12]
        cdef int err
        memcpy(&field[0], &at, 8)
        memcpy(&field[8], <u8 *>&n + 4, 4)
        err = write_all(self.fd, 48, &field[0], 12)
        if err == 0:
            err = sync_data(self.fd)
        if err == 0:
            self.header_dirty = False
        return err

    cdef int do_flush(self) noexcept nogil:
        cdef u64 k, n
        cdef bint tables = False
        cdef int err = self.put_counts()
        if err == 0:
            err = sync_data(self.fd)
        if err == 0 and self.header_dirty:
            err = self.put_header()
        for k in range(self.l1_n):
            if err == 0 and self.l2_dirty[k]:
                err = self.put64(self.l1[k] & OFFSET, self.l2[k], self.per_table)
                if err == 0:
                    self.l2_dirty[k] = 0
                tables = True
        self.held_limit = MAX_HELD
        if err == 0 and tables:
            err = sync_data(self.fd)
        if err == 0 and self.l1_dirty:
            err = self.put64(self.l1_at, self.l1, self.l1_n)
            if err == 0:
                err = sync_data(self.fd)
            if err == 0:
                self.l1_dirty = False
        if err == 0 and self.sinking_n:
            for k in range(self.sinking_n):
                n = self.sinking[k]
                if n // self.per_block < self.refs_n and self.block(n // self.per_block) == 0:
                    if self.blocks[n // self.per_block][n % self.per_block]:
                        self.blocks[n // self.per_block][n % self.per_block] -= 1
                        self.block_dirty[n // self.per_block] = 1
            self.sinking_n = 0
            err = self.put_counts()
        return err

    def close(self):
        """Flush, close the file and the medium below; raises OSError if something could not be written."""
        if self.fd < 0:
            return
        err = 0 if self.readonly else self.do_flush()
        close_fd(self.fd)
        self.fd = -1
        if self.below is not None:
            self.below.close()
        if err:
            raise OSError(err, "a qcow2 image could not be written back")


def inflate(data, size):
    """A cluster compressed by deflate without header."""
    return zlib.decompressobj(-15).decompress(data, size)
