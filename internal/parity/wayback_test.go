package parity

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/addition"
	"github.com/k8s-lbc/lbc/internal/lbc/rollback"
	"github.com/k8s-lbc/lbc/internal/parity/recorded"
)

// TestAWayThereAndBackWritesNothing takes each recorded state over and hands it back. The objects use no additions, so
// that neither controller changes anything.
func TestAWayThereAndBackWritesNothing(t *testing.T) {
	t.Parallel()
	for _, r := range cases(t) {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			for i, e := range r.Edits {
				r.apply(t, e)
				wayThereAndBack(t, &r, i)
			}
		})
	}
}

func wayThereAndBack(t *testing.T, r *cluster, step int) {
	t.Helper()
	for _, o := range r.Objects {
		for _, u := range addition.Of(addition.Object(o)) {
			t.Errorf("step %d: the existing controller has what counts as an addition: %s", step, u.Field)
		}
	}
	l := newLab(t)
	l.put(r, r.after[step])
	before := l.picture()
	if done := l.settle(r); len(done) > 0 {
		t.Errorf("step %d: the swap wrote %v", step, done)
	}
	if found := recorded.Differ(before, l.picture()); len(found) > 0 {
		t.Errorf("step %d: the swap changed %v", step, found)
	}
	for _, what := range (&existing{}).reconcile(l.picture(), recordedPicture(r.after[step])) {
		t.Errorf("step %d: back again, the existing controller would %s", step, what)
	}
}

// TestRollbackCheckForetellsTheRenumbering compares what lbc rollback-check says about accounts that this controller
// filled with the model of the existing controller: whether listeners have rules that it moves or tags.
func TestRollbackCheckForetellsTheRenumbering(t *testing.T) {
	t.Parallel()
	for _, r := range cases(t) {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			for i, e := range r.Edits {
				r.apply(t, e)
				l.settle(&r)
				writes := (&existing{}).reconcile(l.picture(), recordedPicture(r.after[i]))
				moves := slices.ContainsFunc(writes, func(what string) bool { return strings.HasPrefix(what, "move rule ") })
				tags := slices.ContainsFunc(writes, func(what string) bool { return strings.HasPrefix(what, "tag rule ") })
				if told := len(rollback.Retagged(tagsOfRules(l.picture()))) > 0; !moves && told != tags {
					t.Errorf("after %q the check says %v, the existing controller tags rules: %v", e.Step, told, tags)
				}
				if told := len(rollback.Renumbered(priorities(l.picture()))) > 0; told != moves {
					t.Errorf("after %q the check says %v, the existing controller moves rules: %v", e.Step, told, moves)
				}
				if i == 0 && moves {
					t.Errorf("after %q the existing controller moves rules of new listeners", e.Step)
				}
			}
		})
	}
}

// tagsOfRules are the tags of the rules of each listener, by number.
func tagsOfRules(picture tree) map[string]map[int32]string {
	out := map[string]map[int32]string{}
	for name, lb := range sub(sub(picture, "aws"), "loadBalancers") {
		for port, n := range sub(lb.(tree), "listeners") {
			listener := map[int32]string{}
			rules, _ := n.(tree)["rules"].([]any)
			for _, r := range rules {
				number, _ := r.(tree)["priority"].(float64)
				listener[int32(number)], _ = sub(r.(tree), "tags")["ingress.k8s.aws/resource"].(string)
			}
			out[name+" "+port] = listener
		}
	}
	return out
}

// priorities are the numbers of the rules of each listener.
func priorities(picture tree) map[string][]int32 {
	out := map[string][]int32{}
	for name, lb := range sub(sub(picture, "aws"), "loadBalancers") {
		for port, n := range sub(lb.(tree), "listeners") {
			rules, _ := n.(tree)["rules"].([]any)
			for _, r := range rules {
				number, _ := r.(tree)["priority"].(float64)
				out[name+" "+port] = append(out[name+" "+port], int32(number))
			}
		}
	}
	return out
}
