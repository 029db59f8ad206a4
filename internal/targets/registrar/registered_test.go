package registrar

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// stored fakes RegisteredTargets; its calls are among the steps of the balancing.
type stored struct {
	b     *balancing
	keys  []string
	known bool
	loads int
	fail  error
	// unsaved fails only to save.
	unsaved error
}

func (c *stored) Load(context.Context, stack.ID) ([]string, bool, error) {
	c.loads++
	return c.keys, c.known, c.fail
}

func (c *stored) Save(_ context.Context, _ stack.ID, keys []string) error {
	if err := errors.Join(c.fail, c.unsaved); err != nil {
		return err
	}
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	c.b.steps = append(c.b.steps, "save "+strings.Join(keys, ","))
	c.keys, c.known = slices.Clone(keys), true
	return nil
}

func TestOnlyWhatThisClusterRegisteredLeavesASharedGroup(t *testing.T) {
	t.Parallel()
	both := []types.TargetHealthDescription{held("ours", "healthy"), held("theirs", "healthy")}
	for name, c := range map[string]struct {
		held  []types.TargetHealthDescription
		saved []string // nil = nothing was ever saved
		want  []string
		steps []string
	}{
		"the first pass records and takes nothing out": {both, nil, []string{"new"},
			[]string{"save new:80", "register 1 from new"}},
		"nothing to do": {both, []string{"ours:80"}, []string{"ours"}, nil},
		"a restart finds what is its own": {both, []string{"ours:80"}, nil,
			[]string{"deregister 1 from ours", "save "}},
		"recorded before registered, dropped afterwards": {both, []string{"ours:80"}, []string{"new"},
			[]string{"save new:80,ours:80", "register 1 from new", "deregister 1 from ours", "save new:80"}},
		"a record without target is dropped": {both[1:], []string{"gone:80"}, []string{"new"},
			[]string{"save gone:80,new:80", "register 1 from new", "save new:80"}},
		"enabling notes what is registered already": {both, nil, []string{"ours"}, []string{"save ours:80"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &balancing{held: c.held}
			mine := &stored{b: b, keys: c.saved, known: c.saved != nil}
			r := newRegistry(b, b.write, func(string) bool { return false })
			q := Request{Binding: stack.ID{Name: "b"}, Group: tg, Want: want(c.want...), Record: mine}
			for range 2 { // the second time nothing is left to do, or to ask
				if _, err := r.Sync(context.Background(), q); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(c.steps, b.done()); diff != "" || mine.loads != 1 {
				t.Errorf("%d loads; %s", mine.loads, diff)
			}
		})
	}
}

func TestARecordThatCannotBeSavedRegistersNothing(t *testing.T) {
	t.Parallel()
	b := &balancing{}
	mine := &stored{b: b, known: true}
	r := newRegistry(b, b.write, func(string) bool { return true })
	q := Request{Group: tg, Want: want("1"), Record: mine}
	mine.fail = errors.New("no")
	if _, err := r.Sync(context.Background(), q); err == nil || len(b.steps) > 0 {
		t.Fatalf("%v, steps %v", err, b.steps)
	}
	mine.fail = nil
	if _, err := r.Sync(context.Background(), q); err != nil ||
		!slices.Equal(b.steps, []string{"save 1:80", "register 1 from 1"}) {
		t.Errorf("%v, steps %v", err, b.steps)
	}
	mine.unsaved, mine.loads = errors.New("lost on the way"), 0
	q.Want = want("1", "2")
	if _, err := r.Sync(context.Background(), q); err == nil {
		t.Fatal("the failure is swallowed")
	}
	mine.unsaved = nil
	if _, err := r.Sync(context.Background(), q); err != nil || mine.loads != 1 {
		t.Errorf("%v, %d loads: the record may have been saved, so it must be loaded", err, mine.loads)
	}
}

func TestAFailedDeregistrationStaysRecorded(t *testing.T) {
	t.Parallel()
	b := &balancing{held: []types.TargetHealthDescription{held("ours", "healthy")}, fail: errors.New("lost")}
	mine := &stored{b: b, keys: []string{"ours:80"}, known: true}
	r := newRegistry(b, b.write, func(string) bool { return false })
	if _, err := r.Sync(context.Background(), Request{Group: tg, Record: mine}); err == nil ||
		!slices.Equal(mine.keys, []string{"ours:80"}) {
		t.Fatalf("%v, recorded %v", err, mine.keys)
	}
	b.fail = nil
	if _, err := r.Clear(context.Background(), Request{Binding: stack.ID{}, Group: tg, Record: mine}); err != nil ||
		len(mine.keys) > 0 {
		t.Errorf("%v, recorded %v", err, mine.keys)
	}
}

func TestOfASharedGroupOnlyRecordedTargetsAreLookedAtForDrift(t *testing.T) {
	t.Parallel()
	theirs := held("theirs", "healthy")
	for name, c := range map[string]struct {
		held    []types.TargetHealthDescription
		drifted bool
		steps   []string
	}{
		"as it was": {[]types.TargetHealthDescription{held("ours", "healthy"), theirs}, false, nil},
		"another cluster registered": {[]types.TargetHealthDescription{held("ours", "healthy"), theirs,
			held("new", "initial")}, false, nil},
		"another cluster deregistered": {[]types.TargetHealthDescription{held("ours", "healthy")}, false, nil},
		"one of ours was deregistered": {[]types.TargetHealthDescription{theirs}, true,
			[]string{"register 1 from ours"}},
		"one of ours drains, as if by hand": {[]types.TargetHealthDescription{held("ours", "draining"), theirs}, true,
			[]string{"register 1 from ours"}},
	} {
		b := &balancing{held: []types.TargetHealthDescription{held("ours", "healthy"), theirs}}
		r := newRegistry(b, b.write, func(string) bool { return false })
		var seen int
		r.Seen = func(arn string, health []Health) { seen += len(health) }
		q := Request{Binding: stack.ID{Name: "b"}, Group: tg, Want: want("ours"), Record: &stored{
			b: b, keys: []string{"ours:80"}, known: true}}
		if _, err := r.Sync(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		b.mu.Lock()
		b.held, b.steps = c.held, nil
		b.mu.Unlock()
		if _, drifted, err := r.Recheck(t.Context(), tg); err != nil || drifted != c.drifted {
			t.Errorf("%s: drifted %t, %v", name, drifted, err)
		}
		if want := 2 + len(c.held); seen != want {
			t.Errorf("%s: the health of %d targets was passed on, want of %d", name, seen, want)
		}
		if _, err := r.Sync(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.steps, b.done()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
