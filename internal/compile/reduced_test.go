package compile

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// TestLargeMemberLeavesTheMemoryOfOthers has a member of another namespace declare so much that the memory of the group
// has no room in a checkpoint.
func TestLargeMemberLeavesTheMemoryOfOthers(t *testing.T) {
	t.Parallel()
	web, mal := ingress("shop", "web", born(1)), ingress("mal", "evil", born(2))
	m := mustMemory(t, loadBalancer(web, mal))
	large := m.Good[mal.Object]
	for i := range 3_000 {
		large.Routes = append(large.Routes, route(mal.Object, fmt.Sprintf("h%d.example.com", i), "/", "evil"))
	}
	m.Good[mal.Object] = large
	smaller, ok := m.Reduced()
	got, _ := smaller.(*Memory)
	if !ok || got == nil {
		t.Fatal("nothing is left out")
	}
	if _, kept := got.Good[mal.Object]; kept || len(m.Good) != 2 {
		t.Errorf("the large member is remembered: %v", got.Good)
	}
	if _, kept := got.Good[web.Object]; !kept || len(got.Members) != 2 || len(got.Effect) != len(m.Effect) {
		t.Errorf("the other member is not remembered: %+v", got)
	}
	if _, ok := got.Reduced(); ok {
		t.Error("the only member is left out, too")
	}
	text, err := json.Marshal(smaller)
	if err != nil || len(text) > 10_000 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	alone := &Memory{Good: map[diag.Object]intent.Member{web.Object: large}}
	if _, ok := alone.Reduced(); ok {
		t.Error("what only one namespace has is left out")
	}
}
