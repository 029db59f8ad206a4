// Package tenants attacks a cluster as one of its users, who has a Role in one namespace only. It has tests only.
package tenants

import (
	"testing"

	"github.com/k8s-lbc/lbc/playground/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
