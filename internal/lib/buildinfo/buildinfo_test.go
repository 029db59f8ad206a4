package buildinfo

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestABinaryNamesItsCommitAndItsGo(t *testing.T) {
	t.Parallel()
	platform := ", " + runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + ")"
	for _, tt := range []struct {
		build *debug.BuildInfo
		want  string
	}{
		{nil, "v1 (commit unknown, of unknown"},
		{&debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"},
			{Key: "vcs.time", Value: "2026-01-02T03:04:05Z"}, {Key: "vcs.modified", Value: "false"}}},
			"v1 (commit abc, of 2026-01-02T03:04:05Z"},
		{&debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"},
			{Key: "vcs.modified", Value: "true"}}}, "v1 (commit abc with changes, of unknown"},
	} {
		if got := from("v1", tt.build).String(); got != tt.want+platform {
			t.Errorf("got %q, want %q", got, tt.want+platform)
		}
	}
}
