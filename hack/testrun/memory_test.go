package main

import "testing"

func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	for info, want := range map[string]string{
		"MemTotal:       24000000 kB\nMemFree:         1000000 kB\n": "8000000KiB",
		"MemFree: 1 kB\nMemTotal: 600 kB\n":                          "200KiB",
		"MemTotal: much\n":                                           "",
		"":                                                           "",
	} {
		if got := memoryLimit(info); got != want {
			t.Errorf("%q: limit %q, want %q", info, got, want)
		}
	}
}
