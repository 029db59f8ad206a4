package certificate

import (
	"fmt"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestNewSecretsOfATenantLeaveImportsForOthers has a tenant create Gateways with Secrets without end.
func TestNewSecretsOfATenantLeaveImportsForOthers(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := &Certificates{cfg: Config{Now: func() time.Time { return now }},
		imports: importLog{own: map[string][]time.Time{}}}
	held := func(namespace, name string) bool {
		key := stack.Key{Owner: stack.GatewayALB, ID: stack.ID{Namespace: namespace, Name: name}}
		id := naming.ImportedCertificateID(namespace, name)
		if len(c.Delayed(key, &stack.Stack{Certificates: []stack.Certificate{{ID: id, Import: &stack.KeyPair{}}}})) > 0 {
			return true
		}
		c.imported(ownerOf(key, id), "", now)
		return false
	}
	first := -1
	for n := range 2000 {
		if held("mal", fmt.Sprint(n)) {
			first = n
			break
		}
	}
	if first != 1000 {
		t.Errorf("import %d is the first that waits", first)
	}
	if held("shop", "web") || held("ma", "l/1") {
		t.Error("the imports of others wait")
	}
	now = now.Add(importWeek + time.Second)
	if held("mal", "new") {
		t.Error("a week later, a new Secret waits")
	}
}
