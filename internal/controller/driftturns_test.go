package controller

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestEditsOfATenantDelayNoCheckOfOthers has a tenant edit a hundred load balancers again and again.
func TestEditsOfATenantDelayNoCheckOfOthers(t *testing.T) {
	t.Parallel()
	s := newScene(20 * time.Minute)
	of := func(namespace, name string) stack.Key {
		return stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: namespace, Name: name}}
	}
	for i := range 100 {
		s.stackKeys = append(s.stackKeys, of("mal", fmt.Sprint("evil-", i)))
	}
	edit := func() {
		for _, key := range s.stackKeys[:100] {
			s.Schedule(key)
		}
	}
	s.stackKeys = append(s.stackKeys, of("shop", "edited"), of("shop", "other"))
	s.run(t.Context(), time.Minute)
	s.looks = nil
	edit()
	s.Schedule(of("shop", "edited"))
	s.run(t.Context(), editDelay+5*time.Second)
	if at := slices.Index(s.looks, "edited"); at < 0 || at > 2 {
		t.Errorf("the other tenant's edit is not among the first checks: %v", s.looks)
	}
	s.looks = nil
	for range 40 {
		edit()
		s.run(t.Context(), time.Minute)
	}
	if !slices.Contains(s.looks, "other") {
		t.Errorf("what nobody edits is never checked, in %d checks", len(s.looks))
	}
}
