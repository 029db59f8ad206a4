package controller

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/controller/config"
)

func TestAResyncReadsAWSAgainOnlyWhereNothingElseDoes(t *testing.T) {
	t.Parallel()
	for flags, want := range map[string]bool{
		"":                         false,
		"--drift-check-interval=0": true,
		"--sync-period=10m":        true,
		"--sync-period=2h":         false,
	} {
		c, err := config.Parse(append([]string{"--cluster-name=c", "--aws-vpc-id=vpc-0a1de000000000001",
			"--aws-region=us-west-2"}, strings.Fields(flags)...))
		if err != nil {
			t.Fatal(err)
		}
		if got := rereadAtResync(c); got != want {
			t.Errorf("%q: %v", flags, got)
		}
	}
}
