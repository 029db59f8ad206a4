package controller

import (
	"testing"

	"github.com/go-logr/logr"

	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
)

func TestProfilesAreServedOnlyWhereTheFlagNamesAnAddress(t *testing.T) {
	t.Parallel()
	scheme, err := readable.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	for address, args := range map[string][]string{"": nil, "127.0.0.1:6060": {"--pprof-bind-addr=127.0.0.1:6060"}} {
		c, err := config.Parse(append([]string{"--cluster-name=demo"}, args...))
		if err != nil {
			t.Fatal(err)
		}
		if o := managerOptions(c, scheme, logr.Discard()); o.PprofBindAddress != address {
			t.Errorf("%v: profiles at %q, want %q", args, o.PprofBindAddress, address)
		}
	}
}
