// Package tenants shows end to end what a tenant, a user with the rights of one namespace, cannot do to others who
// share the cluster, its load balancers and its account.
package tenants

import (
	"testing"

	"github.com/k8s-lbc/lbc/playground/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
