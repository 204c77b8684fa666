"""Media on the host: a file or block device, and a throw-away overlay over any medium.

`FileMedium` hands every write to the host's kernel at once, so the end of our process, by whatever signal, loses nothing; a flush
is fdatasync, after which a power failure loses nothing either.  The guest may see it larger than the file (a cut-off
floppy image, a last sector that is not whole): reads there give zeros, and a write extends the file as far as it
reaches, never beyond `size`.
`OverlayMedium` keeps what is written in a nameless temporary file and asks the medium below for the rest.

Requests are never interrupted or short: EINTR and partial transfers are gone on with.
"""
import os
import tempfile

from libc.errno cimport ENOMEM, EPERM
from libc.string cimport memcpy
from posix.mman cimport MAP_ANONYMOUS, MAP_FAILED, MAP_NORESERVE, MAP_PRIVATE, PROT_READ, PROT_WRITE, mmap, munmap
from posix.unistd cimport close as close_fd
from emu_core_pyx.types cimport u8, u32, u64
from emu_core_pyx.bus.hostfile cimport read_all, sync_data, write_all
from emu_core_pyx.bus.medium cimport Medium

cdef enum:
    CLUSTER = 4096
    CLUSTER_SHIFT = 12
    SECTOR = 512


cdef class FileMedium(Medium):
    """`size` bytes of the file behind the descriptor `fd`, which belongs to the medium from now on.

    magics: byte strings no write may put where they tell a format (offset, bytes); an image whose format was guessed as raw
    would be taken for another format the next time.
    """
    cdef readonly int fd
    cdef bint writethrough
    cdef list magics
    cdef const u8 *magic[16]
    cdef u32 magic_at[16]
    cdef u32 magic_n[16]
    cdef u32 n_magics

    def __init__(self, int fd, u64 size, bint readonly=False, bint writethrough=False, magics=()):
        self.fd = fd
        self.size = size
        self.readonly = readonly
        self.writethrough = writethrough
        self.magics = [(at, bytes(text)) for at, text in magics][:16]
        for at, text in self.magics:
            if at + len(text) <= SECTOR:
                self.magic[self.n_magics] = text
                self.magic_at[self.n_magics] = at
                self.magic_n[self.n_magics] = len(text)
                self.n_magics += 1

    def __dealloc__(self):
        if self.fd >= 0:
            close_fd(self.fd)

    cdef int do_read(self, u64 at, void *dst, u64 n) noexcept nogil:
        return read_all(self.fd, at, <u8 *>dst, n)

    cdef int do_write(self, u64 at, const void *src, u64 n) noexcept nogil:
        cdef int err
        if at < SECTOR and self.n_magics and self.disguises(at, <const u8 *>src, n):
            return EPERM
        err = write_all(self.fd, at, <const u8 *>src, n)
        if err == 0 and self.writethrough:
            err = sync_data(self.fd)
        return err

    cdef int do_flush(self) noexcept nogil:
        return sync_data(self.fd)

    cdef bint disguises(self, u64 at, const u8 *src, u64 n) noexcept nogil:
        """Would the file look like another format after this write to its first sector?"""
        cdef u8 first[SECTOR]
        cdef u32 k, j
        if read_all(self.fd, 0, &first[0], SECTOR):
            return False
        memcpy(&first[0] + at, src, min(n, SECTOR - at))
        for k in range(self.n_magics):
            j = 0
            while j < self.magic_n[k] and first[self.magic_at[k] + j] == self.magic[k][j]:
                j += 1
            if j == self.magic_n[k]:
                return True
        return False

    def close(self):
        """Close the file, and give its locks back with that; later requests fail."""
        if self.fd >= 0:
            close_fd(self.fd)
            self.fd = -1


cdef class OverlayMedium(Medium):
    """Copy-on-write over `below`, by clusters of 4 KiB in a temporary file without a name."""
    cdef readonly Medium below
    cdef int fd
    cdef u32 *map           # cluster -> place in the temporary file + 1, 0: not changed
    cdef u64 n_map
    cdef readonly u32 used  # clusters in the temporary file

    def __cinit__(self):
        self.fd = -1

    def __init__(self, Medium below not None, folder=None):
        cdef void *p
        self.below = below
        self.size = below.size
        self.n_map = (self.size + CLUSTER - 1) >> CLUSTER_SHIFT
        p = mmap(NULL, self.n_map * sizeof(u32) + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        if p == MAP_FAILED:
            raise MemoryError("no memory for the map of an overlay")
        self.map = <u32 *>p
        with tempfile.TemporaryFile(dir=folder, prefix="emu-snapshot-") as file:
            self.fd = os.dup(file.fileno())

    def __dealloc__(self):
        if self.map != NULL:
            munmap(self.map, self.n_map * sizeof(u32) + 1)
        if self.fd >= 0:
            close_fd(self.fd)

    cdef int do_read(self, u64 at, void *dst, u64 n) noexcept nogil:
        cdef u64 k, cluster
        cdef int err
        cdef u8 *to = <u8 *>dst
        while n:
            cluster = at >> CLUSTER_SHIFT
            k = min(CLUSTER - (at & (CLUSTER - 1)), n)
            if self.map[cluster]:
                err = read_all(self.fd, (<u64>(self.map[cluster] - 1) << CLUSTER_SHIFT) + (at & (CLUSTER - 1)), to, k)
            else:
                while k < n and not self.map[(at + k) >> CLUSTER_SHIFT]:
                    k = min(k + CLUSTER, n)
                err = self.below.read(at, to, k)
            if err:
                return err
            to += k
            at += k
            n -= k
        return 0

    cdef int do_write(self, u64 at, const void *src, u64 n) noexcept nogil:
        cdef u64 k, cluster, off
        cdef u8 whole[CLUSTER]
        cdef int err
        cdef const u8 *bytes_ = <const u8 *>src
        while n:
            cluster = at >> CLUSTER_SHIFT
            off = at & (CLUSTER - 1)
            k = min(CLUSTER - off, n)
            if self.map[cluster]:
                err = write_all(self.fd, (<u64>(self.map[cluster] - 1) << CLUSTER_SHIFT) + off, bytes_, k)
            elif self.used == <u32>-2:
                err = ENOMEM
            else:
                err = 0
                if k < CLUSTER:
                    err = self.below.read(cluster << CLUSTER_SHIFT, &whole[0], CLUSTER)
                memcpy(&whole[0] + off, bytes_, k)
                if err == 0:
                    err = write_all(self.fd, <u64>self.used << CLUSTER_SHIFT, &whole[0], CLUSTER)
                if err == 0:
                    self.used += 1
                    self.map[cluster] = self.used
            if err:
                return err
            bytes_ += k
            at += k
            n -= k
        return 0

    def close(self):
        """Throw the changes away and close the medium below."""
        self.below.close()
