package lbstatus

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// ofShop is a pass over the group of an Ingress in namespace shop, of a version.
func ofShop(version string) reporting.Pass {
	p := groupPass("shop")
	p.Members[0].Version = version
	return p
}

// edit is an edit of the Ingress in namespace shop.
func edit(version string) Edit {
	return Edit{Object: v1alpha1.ObjectReference{Kind: "Ingress", Namespace: "shop", Name: "web"}, Version: version}
}

// readyWriter is a writer whose group is Ready with version v1 of its Ingress.
func readyWriter(t *testing.T) *testWriter {
	t.Helper()
	w := newTestWriter(t)
	w.List(t.Context())
	w.Enqueue(ofShop("v1"))
	w.expect("the first pass", "create shop/group-front", "status shop/group-front")
	return w
}

// after moves the clock and ticks.
func (w *testWriter) after(d time.Duration) {
	w.t.Helper()
	w.now = w.now.Add(d)
	w.Tick(w.t.Context())
}

// conditions expects the reasons of Ready and Reconciling.
func (w *testWriter) conditions(ready, reconciling string) {
	w.t.Helper()
	o := w.get("shop")
	for kind, want := range map[string]string{v1alpha1.ConditionReady: ready, v1alpha1.ConditionReconciling: reconciling} {
		c := meta.FindStatusCondition(o.Status.Conditions, kind)
		if c == nil || string(c.Status)+" "+c.Reason != want {
			w.t.Errorf("%s is %+v, want %s", kind, c, want)
		}
	}
}

func TestQueuedEditIsShownAfterPatience(t *testing.T) {
	t.Parallel()
	w := readyWriter(t)
	w.Edited(ofShop("").Key, edit("v2"))
	w.after(Patience - time.Millisecond)
	w.expect("before a second has passed")
	w.after(time.Millisecond)
	w.expect("after a second", "status shop/group-front")
	w.conditions("False Reconciling", "True Reconciling")
	w.after(time.Minute)
	w.expect("the second minute")
	w.BeginPass(ofShop("").Key)
	w.Enqueue(ofShop("v2"))
	w.EndPass(ofShop("").Key)
	w.expect("the pass", "status shop/group-front")
	w.conditions("True Reconciled", "False NotReconciling")
	if m := w.get("shop").Status.Members[0]; m.ObservedVersion != "v2" || m.EffectiveVersion != "v2" {
		t.Errorf("member = %+v", m)
	}
	w.after(time.Minute)
	w.expect("nothing is under way")
	if len(w.underway) > 0 {
		t.Errorf("%d entries are left", len(w.underway))
	}
}

func TestFastEditCostsNoAdditionalWrite(t *testing.T) {
	t.Parallel()
	w := readyWriter(t)
	key := ofShop("").Key
	w.Edited(key, edit("v2"))
	w.BeginPass(key)
	w.Writes(key)
	w.after(Patience / 2)
	w.Enqueue(ofShop("v2"))
	w.EndPass(key)
	w.after(Patience)
	w.expect("a pass of half a second", "status shop/group-front")
	w.conditions("True Reconciled", "False NotReconciling")
}

func TestVersionThatWasReadIsNoEdit(t *testing.T) {
	t.Parallel()
	w := readyWriter(t)
	w.Edited(ofShop("").Key, edit("v1")) // another controller wrote something that is not read
	w.after(time.Minute)
	w.expect("a minute")
	refused := ofShop("v2")
	refused.Found = diag.List{diag.New(refused.Members[0].Object, "spec", diag.InvalidAnnotation, "wrong", "mend it")}
	w.Enqueue(refused)
	w.expect("a refused edit", "status shop/group-front")
	w.Edited(ofShop("").Key, edit("v2")) // as a resync, or the list of a new process, shows it
	w.after(time.Minute)
	w.expect("a minute after a refused edit")
}

func TestStatusOfFormerReleaseShowsNoEdit(t *testing.T) {
	t.Parallel()
	w := readyWriter(t)
	w.Enqueue(ofShop(""))
	w.expect("a status without versions", "status shop/group-front")
	w.renew(w.log)
	w.Edited(ofShop("").Key, edit("v1"))
	w.List(t.Context())
	w.after(time.Minute)
	w.expect("the start of this release")
}

func TestSlowWritingPassIsShown(t *testing.T) {
	t.Parallel()
	w := readyWriter(t)
	key := ofShop("").Key
	w.BeginPass(key)
	w.after(time.Minute)
	w.expect("a slow pass that writes nothing")
	w.Writes(key)
	w.after(0)
	w.expect("once it writes", "status shop/group-front")
	w.conditions("False Reconciling", "True Reconciling")
	w.Enqueue(ofShop("v1"))
	w.EndPass(key)
	w.expect("its end", "status shop/group-front")
	w.conditions("True Reconciled", "False NotReconciling")
}

func TestEditDuringPassKeepsStatusReconciling(t *testing.T) {
	t.Parallel()
	w := readyWriter(t)
	key := ofShop("").Key
	w.Edited(key, edit("v2"))
	w.BeginPass(key)
	w.Edited(key, edit("v3"))
	w.after(Patience)
	w.Enqueue(ofShop("v2"))
	w.EndPass(key)
	w.expect("the pass over the former version", "status shop/group-front")
	w.conditions("False Reconciling", "True Reconciling")
	if m := w.get("shop").Status.Members[0]; m.EffectiveVersion != "v2" {
		t.Errorf("member = %+v", m)
	}
	w.BeginPass(key)
	w.Enqueue(ofShop("v3"))
	w.EndPass(key)
	w.expect("the pass over the newest version", "status shop/group-front")
	w.conditions("True Reconciled", "False NotReconciling")
}

func TestEditEndsStalledButDriftDoesNot(t *testing.T) {
	t.Parallel()
	w := readyWriter(t)
	key := ofShop("").Key
	invalid := ofShop("v2")
	invalid.Found = diag.List{diag.New(invalid.Members[0].Object, "spec", diag.InvalidAnnotation, "wrong", "mend it")}
	w.Enqueue(invalid)
	w.expect("an invalid edit", "status shop/group-front")
	if m := w.get("shop").Status.Members[0]; m.ObservedVersion != "v2" || m.EffectiveVersion != "v1" {
		t.Errorf("member = %+v", m)
	}
	w.BeginPass(key)
	w.Writes(key)
	w.after(Patience)
	w.expect("a slow pass without an edit")
	w.Edited(key, edit("v3"))
	w.after(Patience)
	w.expect("an edit that waits", "status shop/group-front")
	w.conditions("False Reconciling", "True Reconciling")
	if meta.IsStatusConditionTrue(w.get("shop").Status.Conditions, v1alpha1.ConditionStalled) {
		t.Error("it is Stalled")
	}
}

func TestEditOfRouteIsShownUntilItsPass(t *testing.T) {
	t.Parallel()
	w := readyWriter(t)
	key := ofShop("").Key
	w.Edited(key, Edit{Object: v1alpha1.ObjectReference{Kind: "HTTPRoute", Namespace: "shop", Name: "web"}})
	w.after(Patience)
	w.expect("a second", "status shop/group-front")
	w.conditions("False Reconciling", "True Reconciling")
	w.BeginPass(key)
	w.Enqueue(ofShop("v1"))
	w.EndPass(key)
	w.expect("the pass", "status shop/group-front")
	w.conditions("True Reconciled", "False NotReconciling")
}

// TestSharedEditsAreShownInTurns has an edit of what many stacks refer to.
func TestSharedEditsAreShownInTurns(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	w.List(t.Context())
	const stacks = 2*mostShared + 1
	for n := range stacks {
		p := groupPass("shop")
		p.Key.ID.Name = fmt.Sprint("g", n)
		w.Enqueue(p)
		w.Edited(p.Key, Edit{Object: v1alpha1.ObjectReference{Kind: "IngressClassParams", Name: "alb"}, Shared: true})
	}
	flush(t.Context(), w.Writer)
	for _, want := range []int{mostShared, mostShared, 1, 0} {
		w.writes = nil
		w.after(Patience)
		if flush(t.Context(), w.Writer); len(w.writes) != want {
			t.Errorf("%d writes, want %d", len(w.writes), want)
		}
	}
}

func TestProgressIsForgottenWithTheStack(t *testing.T) {
	t.Parallel()
	w := readyWriter(t)
	key := ofShop("").Key
	w.Edited(key, edit("v2"))
	w.Delete(key)
	w.after(Patience)
	w.expect("the deletion", "delete shop/group-front")
	var none *Writer // where nothing writes objects
	none.Edited(key, edit("v2"))
	none.BeginPass(key)
	none.Writes(key)
	none.EndPass(key)
}
