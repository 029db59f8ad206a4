package support

import (
	"testing"
)

// TestParseReadsMinorVersions reads versions as API servers write them.
func TestParseReadsMinorVersions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"v1.29.0": "1.29", "1.36": "1.36", "v1.30.4-eks-113cf36": "1.30", "v1.33.0-alpha.1+0": "1.33", "v2.0.0": "2.0",
		"v1.30+": "1.30",
		"":       "", "v1": "", "main": "", "v0.0.0-master+$Format:%H$": "",
	} {
		got := ""
		if v, ok := Parse(text); ok {
			got = v.String()
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// TestVersionsAreComparedAsNumbers compares versions of one and of two digits.
func TestVersionsAreComparedAsNumbers(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]Version{{{1, 9}, {1, 10}}, {{1, 36}, {2, 0}}, {{1, 28}, {1, 29}}} {
		if !pair[0].Before(pair[1]) || pair[1].Before(pair[0]) || pair[0].Before(pair[0]) {
			t.Errorf("%s and %s", pair[0], pair[1])
		}
	}
}

// TestKubernetesVersionsHaveNoGap: kubeVersion of the chart and lbc doctor know the oldest and the newest only.
func TestKubernetesVersionsHaveNoGap(t *testing.T) {
	t.Parallel()
	for i, r := range Kubernetes {
		if r.Test == "" || i > 0 && (Kubernetes[i-1].Major != r.Major || Kubernetes[i-1].Minor+1 != r.Minor) {
			t.Errorf("%s has no test, or does not follow %v", r, Kubernetes[max(i-1, 0)])
		}
	}
	if Newest().Test != Cluster {
		t.Errorf("no cluster runs %s", Newest())
	}
}
