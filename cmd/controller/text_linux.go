package main

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// unmapBinary gives the pages of the binary back that are mapped into the process: code and read-only data. What is used again is mapped again by the next access,
// from the page cache as a rule. Where a range cannot be given back, as one that is locked in memory, it stays.
func unmapBinary() {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	binary, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	for _, r := range readOnlyRanges(string(maps), binary) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, r.from, r.to-r.from, unix.MADV_DONTNEED)
	}
}

// addresses are those of a mapping: from the first one to the one after the last.
type addresses struct{ from, to uintptr }

// readOnlyRanges are the mappings of a file that the process cannot write to, of all mappings in the form of proc_pid_maps(5). What a process has written to a private mapping
// of a file would be lost with its pages.
func readOnlyRanges(maps, file string) (out []addresses) {
	for line := range strings.Lines(maps) {
		f := strings.Fields(line) // addresses, permissions, offset, device, inode, path
		if len(f) != 6 || f[5] != file || strings.Contains(f[1], "w") {
			continue
		}
		first, last, _ := strings.Cut(f[0], "-")
		from, err := strconv.ParseUint(first, 16, strconv.IntSize)
		if err != nil {
			continue
		}
		to, err := strconv.ParseUint(last, 16, strconv.IntSize)
		if err != nil {
			continue
		}
		out = append(out, addresses{uintptr(from), uintptr(to)})
	}
	return out
}
