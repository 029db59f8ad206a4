package metrics

import (
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/k8s-lbc/lbc/internal/buildinfo"
)

func TestABinaryShowsWhatItWasBuiltFrom(t *testing.T) {
	t.Parallel()
	r := prometheus.NewRegistry()
	r.MustRegister(BuildInfo(buildinfo.Info{Version: "v1.2.3", Commit: "abc", Go: "go1.26.8", Platform: "linux/arm64"}))
	if got := page(t, r, "lbc_build_info"); !slices.Equal(got, []string{"commit=abc go_version=go1.26.8 platform=linux/arm64 version=v1.2.3 1"}) {
		t.Errorf("got %q", got)
	}
}
