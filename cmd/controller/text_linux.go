package main

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// unmapBinary gives the pages of the binary back that are mapped into the process: code and read-only data. What is
// used again is mapped again by the next access, from the page cache as a rule. Where a range cannot be given back, as
// one that is locked in memory, it stays.
func unmapBinary() {
	mappings, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	binary, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	for _, r := range unwritten(string(mappings), binary) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, r.from, r.to-r.from, unix.MADV_DONTNEED)
	}
}

// addresses are those of a mapping: from the first one to the one after the last.
type addresses struct{ from, to uintptr }

// unwritten are the mappings of a file of which all pages are as they are in the file, of all mappings in the form of
// /proc/PID/smaps (proc_pid_smaps(5)): the process cannot write to them, and none of their pages is its own. Pages that
// were written to would be lost: in a binary with relocations, the loader writes to some before it makes them
// read-only.
func unwritten(smaps, file string) (out []addresses) {
	var at addresses
	candidate := false
	for line := range strings.Lines(smaps) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if !strings.HasSuffix(f[0], ":") { // addresses, permissions, offset, device, inode, path
			var ok bool
			at, ok = addressesOf(f[0])
			candidate = ok && len(f) == 6 && f[5] == file && !strings.Contains(f[1], "w")
			continue
		}
		if candidate && f[0] == "Anonymous:" && len(f) > 1 && f[1] == "0" {
			out = append(out, at)
		}
	}
	return out
}

func addressesOf(text string) (a addresses, ok bool) {
	first, last, _ := strings.Cut(text, "-")
	from, err := strconv.ParseUint(first, 16, strconv.IntSize)
	if err != nil {
		return addresses{}, false
	}
	to, err := strconv.ParseUint(last, 16, strconv.IntSize)
	return addresses{uintptr(from), uintptr(to)}, err == nil && to > from
}
