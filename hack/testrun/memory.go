package main

import (
	"os"
	"strconv"
	"strings"
)

// memoryLimit returns the value of GOMEMLIMIT for a test binary: a third of the machine's memory, so that two binaries
// fit at once: with GOGC=400, a binary grows to five times of what it holds. Empty = the
// machine does not say how much memory it has.
func memoryLimit(meminfo string) string {
	for line := range strings.Lines(meminfo) {
		value, ok := strings.CutPrefix(line, "MemTotal:")
		if !ok {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		if err != nil || kib <= 0 {
			return ""
		}
		return strconv.FormatInt(kib/3, 10) + "KiB"
	}
	return ""
}

// garbage returns the environment by which a test binary collects garbage seldom: it lives for seconds, and this takes
// a fifth off its time. What the user sets, stays.
func garbage() (env []string) {
	if os.Getenv("GOGC") == "" {
		env = append(env, "GOGC=400")
	}
	info, err := os.ReadFile("/proc/meminfo")
	if limit := memoryLimit(string(info)); err == nil && limit != "" && os.Getenv("GOMEMLIMIT") == "" {
		env = append(env, "GOMEMLIMIT="+limit)
	}
	return env
}
