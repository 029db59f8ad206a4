package hold

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

var (
	start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	web   = diag.Object{Kind: "Ingress", Namespace: "shop", Name: "web", UID: "1"}
	other = diag.Object{Kind: "Ingress", Namespace: "bank", Name: "web", UID: "2"}
)

// entry is the value of a hold that ends some time after the start.
func entry(d time.Duration) string { return Hold{Until: start.Add(d), Reason: "incident"}.Value() }

// bookAt is a book whose clock the pointer moves.
func bookAt(data map[string]string) (*Book, *time.Time) {
	now := start
	b := NewBook(func() time.Time { return now })
	b.Set(data)
	return b, &now
}

func TestScopeOfHoldConcernsObjects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key     string
		objects []diag.Object
		want    bool
	}{
		{"all", nil, true},
		{"all", []diag.Object{web}, true},
		{"namespace.shop", []diag.Object{web}, true},
		{"namespace.shop", []diag.Object{web, other}, false}, // others of the group are not held
		{"namespace.shop", []diag.Object{other}, false},
		{"namespace.shop", nil, false}, // what many share
		{"stack.ingress.shop.web", []diag.Object{other, web}, true},
		{"stack.service.shop.web", []diag.Object{web}, false},
		{"stack.ingress.shop.web.v2", []diag.Object{{Kind: "Ingress", Namespace: "shop", Name: "web.v2"}}, true},
	} {
		b, now := bookAt(map[string]string{c.key: entry(time.Hour)})
		if got := b.Of(c.objects...) != nil; got != c.want {
			t.Errorf("%s of %v: held %t, want %t", c.key, c.objects, got, c.want)
		}
		*now = start.Add(time.Hour)
		if h := b.Of(c.objects...); h != nil {
			t.Errorf("%s: held %s at its end", c.key, h.Text())
		}
	}
}

func TestKindsOfHoldsAreThoseOfOwners(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, k := range Kinds {
		known[k] = true
	}
	for _, k := range owner.Kinds {
		if !known[strings.ToLower(k.Kind)] {
			t.Errorf("no load balancer of a %s can be held", k.Kind)
		}
	}
}

func TestUnreadableEntryHoldsNothing(t *testing.T) {
	t.Parallel()
	good := entry(time.Hour)
	for key, value := range map[string]string{
		"all": "", "namespace.shop": "{}", "namespace.": good, "namespace.a.b": good, "stack.ingress.shop": good,
		"stack.pod.shop.web": good,
		"stack.ingress..web": good, "everything": good, "namespace.bank": `{"until":"tomorrow"}`,
		"namespace.web": `{"unti":"2027-01-01T00:00:00Z"}`,
		"namespace.x":   good + good, "namespace.y": `["` + good + `"]`,
	} {
		b, _ := bookAt(nil)
		problems := b.Set(map[string]string{key: value, "stack.ingress.shop.web": good})
		if len(problems) != 1 || problems[0].Key != key || !strings.HasSuffix(problems[0].Text, "; it holds nothing") {
			t.Errorf("%s = %s: problems %v", key, value, problems)
		}
		if b.Of(other) != nil || b.Of(web) == nil {
			t.Errorf("%s = %s: %v in force", key, value, b.InForce())
		}
	}
}

func TestUnreadableEditKeepsHoldUntilItsEnd(t *testing.T) {
	t.Parallel()
	garbage := map[string]string{"all": `{"until": "2026-`}
	b, now := bookAt(map[string]string{"all": entry(time.Hour)})
	for range 2 { // also at the next edit
		if p := b.Set(garbage); len(p) != 1 || !strings.Contains(p[0].Text, "stays held until 2026-01-01T01:00:00Z") {
			t.Errorf("problems %v", p)
		}
		if b.Of(web) == nil {
			t.Fatal("the edit ended the hold")
		}
	}
	next := NewBook(func() time.Time { return *now })
	next.Restore(b.InForce())
	if h := next.Of(web); h != nil {
		t.Errorf("held %s before the first read, for which passes wait", h.Text())
	}
	next.Set(garbage)
	if next.Of(web) == nil {
		t.Error("a restart ended the hold")
	}
	if next.Set(nil); next.Of(web) != nil {
		t.Error("the removal did not end the hold")
	}
	*now = start.Add(time.Hour)
	if p := b.Set(garbage); b.Of(web) != nil || !strings.HasSuffix(p[0].Text, "it holds nothing") {
		t.Errorf("held beyond the end: %v", p)
	}
}

func TestUnreadableConfigMapKeepsHolds(t *testing.T) {
	t.Parallel()
	before, now := bookAt(map[string]string{"namespace.shop": entry(time.Hour)})
	b := NewBook(func() time.Time { return *now })
	b.Restore(before.InForce())
	b.Unreadable()
	if b.Of(web) == nil || b.Of(other) != nil {
		t.Errorf("in force: %v", b.InForce())
	}
}

func TestAwaitEndsWithFirstRead(t *testing.T) {
	t.Parallel()
	b := NewBook(time.Now)
	ended := make(chan struct{})
	close(ended)
	if b.Await(ended) {
		t.Error("the holds pass for known before they were read")
	}
	b.Set(nil)
	if !b.Await(ended) || !(*Book)(nil).Await(ended) {
		t.Error("the holds do not pass for known")
	}
}

func TestChangedNamesWhatAnotherHoldConcerns(t *testing.T) {
	t.Parallel()
	b, now := bookAt(nil)
	mine, theirs := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}},
		stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "bank", Name: "web"}}
	note := func() { b.Note(mine, []diag.Object{web}); b.Note(theirs, []diag.Object{other}) }
	want := func(when string, held int, keys ...stack.Key) {
		t.Helper()
		if d := cmp.Diff(keys, b.Changed()); d != "" || b.Held() != held {
			t.Errorf("%s: %d held, changed (-want +got):\n%s", when, b.Held(), d)
		}
		note()
	}
	note()
	want("no hold", 0)
	b.Set(map[string]string{"namespace.shop": entry(time.Hour)})
	want("a hold begins", 1, mine)
	b.Set(map[string]string{"namespace.shop": `{"until":"2026-01-01T03:00:00+02:00","reason":"incident"}`})
	want("the same in another zone", 1)
	b.Set(map[string]string{"namespace.shop": entry(2 * time.Hour)})
	want("it is prolonged", 1, mine)
	*now = start.Add(2 * time.Hour)
	want("it ends", 0, mine)
	b.Forget(mine)
	b.Set(map[string]string{"all": entry(3 * time.Hour)})
	if d := cmp.Diff([]stack.Key{theirs}, b.Changed()); d != "" {
		t.Error(d)
	}
}

func TestOrphanIsHeldByItsNamespace(t *testing.T) {
	t.Parallel()
	b, _ := bookAt(map[string]string{"namespace.shop": entry(time.Hour), "stack.service.bank.net": entry(time.Hour)})
	for key, want := range map[stack.Key]bool{
		{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "gone"}}: true,
		{Owner: stack.Ingress, ID: stack.ID{Name: "group"}}:                   false,
		{Owner: stack.Service, ID: stack.ID{Namespace: "bank", Name: "net"}}:  true,
		{Owner: stack.Ingress, ID: stack.ID{Namespace: "bank", Name: "net"}}:  false,
	} {
		if got := b.OfKey(key) != nil; got != want {
			t.Errorf("%s: held %t, want %t", key, got, want)
		}
	}
}

func TestGuardLetsTargetsPass(t *testing.T) {
	t.Parallel()
	b, _ := bookAt(map[string]string{"all": entry(time.Hour)})
	if b.Guard(stack.Key{}, awsop.RegisterTargets{}) != nil || b.Guard(stack.Key{}, awsop.DeregisterTargets{}) != nil {
		t.Error("targets are held")
	}
	g := b.Guard(stack.Key{}, awsop.RevokeSecurityGroupIngress{})
	if g == nil || g.Code != diag.PlanOnHold ||
		!strings.Contains(g.Text, "all load balancers until 2026-01-01T01:00:00Z: incident") {
		t.Errorf("guard %+v", g)
	}
}

func TestReasonIsOneBoundedLine(t *testing.T) {
	t.Parallel()
	long := Hold{Until: start.Add(time.Hour), Reason: "a\nb\t" + strings.Repeat("ü", 400)}
	b, _ := bookAt(map[string]string{"all": long.Value()})
	if got := b.Of().Reason; !strings.HasPrefix(got, "a b ü") || len([]rune(got)) != longestReason {
		t.Errorf("reason %q", got)
	}
}
