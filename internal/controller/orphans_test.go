package controller

import (
	"context"
	"testing"

	"github.com/go-logr/logr/funcr"

	"github.com/k8s-lbc/lbc/internal/stack"
)

func TestResourcesThatNoObjectDeclaresAreCountedAndLoggedOnceTwoLooksFindThem(t *testing.T) {
	t.Parallel()
	held, declared := []stack.Key{keyNamed("left"), keyNamed("served"), {Owner: stack.GatewayALB, ID: stack.ID{Name: "unserved"}}}, []stack.Key{keyNamed("served")}
	var lines int
	o := &orphanCounter{
		keys:     func(context.Context) ([]stack.Key, error) { return held, nil },
		declared: func() []stack.Key { return declared },
		serves:   func(of stack.Owner) bool { return of == stack.Ingress },
		log:      funcr.New(func(string, string) { lines++ }, funcr.Options{}),
	}
	for look, want := range []int64{0, 1, 1} {
		if o.look(t.Context()); o.count.Load() != want {
			t.Errorf("look %d counts %d, want %d", look, o.count.Load(), want)
		}
	}
	if lines != 1 {
		t.Errorf("%d lines of the log", lines)
	}
	declared = append(declared, keyNamed("left"))
	if o.look(t.Context()); o.count.Load() != 0 {
		t.Errorf("a stack whose object is back counts as %d", o.count.Load())
	}
}
