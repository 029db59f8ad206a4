package main

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestOnlyCleanPagesOfBinaryAreReleased(t *testing.T) {
	t.Parallel()
	mapping := func(header string, anonymous int) string {
		return header + "\nSize: 8 kB\nRss: 8 kB\nAnonymous: " + strconv.Itoa(anonymous) + " kB\nVmFlags: rd mr mw me sd\n"
	}
	smaps := mapping("00400000-01dfc000 r-xp 00000000 fe:00 262147                             /controller", 0) +
		mapping("01dfc000-0373a000 r--p 019fc000 fe:00 262147                             /controller", 0) +
		// the loader wrote relocations
		mapping("0373a000-0373c000 r--p 0333a000 fe:00 262147                             /controller", 8) +
		mapping("0373c000-037e3000 rw-p 0333c000 fe:00 262147                             /controller", 0) +
		mapping("037e3000-05800000 rw-p 00000000 00:00 0 ", 4) +
		mapping("7fd75b14e000-7fd75b700000 r--p 00000000 fe:00 99                         /etc/ld.so.cache", 0) +
		mapping("7ffd1d9f1000-7ffd1d9f3000 r-xp 00000000 00:00 0                          [vdso]", 0)
	if got, want := unwritten(smaps, "/controller"), []addresses{{0x400000, 0x1dfc000},
		{0x1dfc000, 0x373a000}}; !slices.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	if got := unwritten(smaps, "/other"); got != nil {
		t.Errorf("of another file: %x", got)
	}
}

// TestTheBinaryIsSmallerInMemoryOnceItIsUnmapped is about this test's own process, which goes on afterwards.
func TestTheBinaryIsSmallerInMemoryOnceItIsUnmapped(t *testing.T) {
	binary, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	ranges := func() []addresses {
		mappings, err := os.ReadFile("/proc/self/smaps")
		if err != nil {
			t.Fatal(err)
		}
		name, err := os.Readlink("/proc/self/exe")
		if err != nil {
			t.Fatal(err)
		}
		return unwritten(string(mappings), name)
	}()
	var size uintptr
	for _, r := range ranges {
		size += r.to - r.from
	}
	if len(ranges) == 0 || size > uintptr(2*len(binary)) {
		t.Fatalf("%d bytes of a binary of %d are mapped: %x", size, len(binary), ranges)
	}
	before := residentOfFiles(t)
	unmapBinary()
	if after := residentOfFiles(t); after >= before {
		t.Errorf("%d KiB of files before, %d KiB after", before, after)
	}
}

// residentOfFiles are the KiB of files in the memory of this process.
func residentOfFiles(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "RssFile:"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no RssFile in\n%s", status)
	return 0
}
