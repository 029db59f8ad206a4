package registrar

import (
	"context"
	"slices"
	"testing"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// hangingRecord is a memory of what this cluster registered whose writes wait until they are let go.
type hangingRecord struct {
	keys  []string
	begun chan []string
	let   chan struct{}
}

func (c *hangingRecord) Load(context.Context, stack.ID) ([]string, bool, error) {
	return c.keys, true, nil
}

func (c *hangingRecord) Save(_ context.Context, _ stack.ID, keys []string) error {
	c.begun <- keys
	<-c.let
	return nil
}

// TestARecordThatHangsDelaysOnlyTheTargetsThatItIsMadeFor has the API server not answer while a target comes to a group
// that clusters share, another one goes, and a third one, which is recorded, is to be registered again.
func TestARecordThatHangsDelaysOnlyTheTargetsThatItIsMadeFor(t *testing.T) {
	t.Parallel()
	h := newHanging("1", "theirs")
	r, _, progress := asyncRegistry(h, false)
	r.account = func(awsclient.Scope) (ScopeCalls, error) {
		return ScopeCalls{h, h.write, func(group string) bool { return group == arn+"-other" }, nil}, nil
	}
	c := &hangingRecord{keys: []string{"1:80", "2:80"}, begun: make(chan []string, 1), let: make(chan struct{})}
	shared := of("2", "3")
	shared.Record = c
	asking(t, r, shared)
	h.expect(t, "read")
	h.answer("read", nil)
	if got := <-c.begun; !slices.Contains(got, "3:80") {
		t.Errorf("recorded %v", got)
	}
	h.expect(t, "DeregisterTargets 1", "RegisterTargets 2")
	other := Request{Binding: stack.ID{Name: "other"}, Group: Group{ARN: arn + "-other"}, Want: want("4")}
	asking(t, r, other)
	h.expect(t, "RegisterTargets 4")
	for _, call := range []string{"DeregisterTargets 1", "RegisterTargets 2", "RegisterTargets 4"} {
		h.answer(call, nil)
		<-progress
	}
	if len(h.sent) > 0 {
		t.Errorf("%s before it is recorded", <-h.sent)
	}
	close(c.let)
	h.expect(t, "RegisterTargets 3")
	h.answer("RegisterTargets 3", nil)
}
