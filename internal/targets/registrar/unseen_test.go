package registrar

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestTargetOfFailedDeregistrationStaysOwn has one target of its own and one that nobody
// seen has wanted.
func TestTargetOfFailedDeregistrationStaysOwn(t *testing.T) {
	t.Parallel()
	b := &balancing{held: []types.TargetHealthDescription{held("ours", "healthy"), held("theirs", "healthy")}}
	r := newRegistry(b, b.write, func(string) bool { return false })
	q := Request{Binding: stack.ID{Name: "b"}, Group: tg, Want: want("ours"), Unseen: true}
	sync := func(fails bool) Change {
		t.Helper()
		c, err := r.Sync(t.Context(), q)
		if (err != nil) != fails {
			t.Fatal(err)
		}
		return c
	}
	if c := sync(false); !slices.Equal(c.NotOurs, []string{"theirs:80"}) {
		t.Errorf("not ours: %v", c.NotOurs)
	}
	if diff := cmp.Diff(map[string][]Target{arn: {{ID: "ours", Port: 80}}}, r.Registered(awsclient.Scope{})); diff != "" {
		t.Errorf("what the next process is told: %s", diff)
	}
	q.Want, b.fail = want("new"), &smithy.GenericAPIError{Code: "InvalidTarget", Message: "one of them is not registered"}
	sync(true)
	b.fail = nil
	sync(false)
	if diff := cmp.Diff([]string{"register 1 from new", "deregister 1 from ours"}, b.done()); diff != "" {
		t.Error(diff)
	}
	q.Want = want("new", "theirs")
	if c := sync(false); len(c.NotOurs) > 0 {
		t.Errorf("not ours: %v", c.NotOurs)
	}
}

// TestUnconfirmedRequestDeregistersNothing has a group with a target that no request wants.
func TestUnconfirmedRequestDeregistersNothing(t *testing.T) {
	t.Parallel()
	b := &balancing{held: []types.TargetHealthDescription{held("ours", "healthy"), held("former", "healthy")}}
	r := newRegistry(b, b.write, func(string) bool { return false })
	q := Request{Binding: stack.ID{Name: "b"}, Group: tg, Want: want("ours", "new"), Unconfirmed: true}
	if _, known := r.Unlisted(tg, q.Want); known {
		t.Error("what is registered is known before it is read")
	}
	sync := func(done ...string) {
		t.Helper()
		if _, err := r.Sync(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(done, b.done()); diff != "" {
			t.Error(diff)
		}
	}
	sync("register 1 from new")
	if got, known := r.Unlisted(tg, q.Want); !known || len(got) != 1 || !got["former"] {
		t.Errorf("unlisted: %v, known %t", got, known)
	}
	q.Unconfirmed = false
	sync("register 1 from new", "deregister 1 from former")
}
