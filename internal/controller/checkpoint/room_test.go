package checkpoint

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestManyEntriesOfATenantLeaveRoomForOthers has a tenant fill a ConfigMap with entries that are smaller than another
// tenant's only one.
func TestManyEntriesOfATenantLeaveRoomForOthers(t *testing.T) {
	t.Parallel()
	key := func(namespace, name string) string {
		return stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: namespace, Name: name}}.String()
	}
	for name, names := range map[string][2]string{
		"stacks":   {key("shop", "web"), key("mal", "%d")},
		"refusals": {RefusalsName(key("shop", "web")), RefusalsName(key("mal", "%d"))},
		"bindings": {"shop/web", "mal/%d"},
		"a group":  {key("", "front"), key("mal", "%d")},
		"groups":   {key("shop", "web"), key("", "mal-%d")},
	} {
		kind := Memory
		if name == "bindings" {
			kind = Preceding
		}
		items := []item{{ID{kind, names[0]}, "victim", make([]byte, 300<<10)}}
		for n := range 200 {
			items = append(items, item{ID{kind, fmt.Sprintf(names[1], n)}, fmt.Sprint("evil", n), make([]byte, 10<<10)})
		}
		out, left := fitting(items, func(key stack.Key) string {
			if strings.HasPrefix(key.ID.Name, "mal-") {
				return "mal"
			}
			return key.Tenant()
		})
		size, kept := 0, false
		for _, i := range out {
			size += i.size()
			kept = kept || i.key == "victim"
		}
		if !kept || size > mostBytes || size < mostBytes-10<<10 || left+len(out) != len(items) {
			t.Errorf("%s: %d of %d entries with %d bytes, the victim's %t", name, len(out), len(items), size, kept)
		}
	}
}

// members is a value that several tenants fill.
type members map[string][]byte

func (m members) Reduced() (any, bool) {
	if len(m) < 2 {
		return nil, false
	}
	return members{"shop": m["shop"]}, true
}

// TestLargeEntryOfTenantsIsReduced has one of two tenants fill an entry that both need.
func TestLargeEntryOfTenantsIsReduced(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 2<<20)
	r := rand.NewChaCha8([32]byte{})
	_, _ = r.Read(noise)
	c := newCluster(t)
	s, _ := c.open(t, "demo")
	s.Put(memory("front"), members{"shop": []byte("hers"), "mal": noise})
	must(t, s.Flush(t.Context()))
	must(t, s.Close(t.Context()))
	_, restored := c.open(t, "demo")
	if got := restored.Entries[memory("front")]; !bytes.Contains(got, []byte(`"shop"`)) || len(got) > 100 {
		t.Errorf("%d bytes were restored", len(got))
	}
}
