package main

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// TestMetricsTellOfTheProcess holds metrics that packages bring by being linked.
func TestMetricsTellOfTheProcess(t *testing.T) {
	t.Parallel()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, f := range families {
		have[f.GetName()] = true
	}
	for _, name := range []string{"go_goroutines", "go_memstats_heap_inuse_bytes", "process_cpu_seconds_total",
		"process_resident_memory_bytes"} {
		if !have[name] {
			t.Errorf("no metric %s", name)
		}
	}
}
