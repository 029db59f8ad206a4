package main

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/lib/buildinfo"
)

func TestVersionNamesCommitAndGo(t *testing.T) {
	t.Parallel()
	out, _, err := lbc(t, "", "version")
	if err != nil || !strings.HasPrefix(out, "lbc "+version+" (commit ") || !strings.Contains(out, runtime.Version()) {
		t.Errorf("%q, %v", out, err)
	}
	out, _, err = lbc(t, "", "version", "-o", "json")
	var b buildinfo.Info
	if err != nil || json.Unmarshal([]byte(out), &b) != nil || b.Version != version || b.Go != runtime.Version() {
		t.Errorf("%q, %v", out, err)
	}
}
