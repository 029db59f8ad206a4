package reporting

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestAFindingIsRecordedOnceAndItsRecoveryToo(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	var events []string
	r := NewReporter(func(o diag.Object, e Event) { events = append(events, o.Name+" "+e.Type+" "+e.Reason) },
		func() time.Time { return now })
	bad, good := diag.Object{Kind: "Ingress", Name: "bad"}, diag.Object{Kind: "Ingress", Name: "good"}
	both := []diag.Object{bad, good}
	finding := diag.List{diag.New(bad, "metadata.annotations[x]", diag.InvalidAnnotation, "nonsense", "write sense")}
	expect := func(step string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, events); diff != "" {
			t.Errorf("%s: %s", step, diff)
		}
		events = nil
	}
	r.Report("group", Report{Objects: both, Found: finding, Changed: true})
	expect("first pass", "bad Warning FailedBuildModel", "good Normal SuccessfullyReconciled")
	r.Report("group", Report{Objects: both, Found: finding})
	expect("second pass")
	now = now.Add(repeatAfter)
	r.Report("group", Report{Objects: both, Found: finding})
	expect("later", "bad Warning FailedBuildModel")
	r.Report("group", Report{Objects: both})
	expect("recovery", "bad Normal SuccessfullyReconciled")
	r.Report("group", Report{Objects: both})
	expect("nothing new")
	r.Report("group", Report{Objects: both, Changed: true, Found: diag.List{
		diag.New(good, "", diag.UnknownAnnotation, "schem is not an annotation", "did you mean scheme?"),
	}})
	expect("a note does not hide success", "bad Normal SuccessfullyReconciled", "good Warning UnknownAnnotation",
		"good Normal SuccessfullyReconciled")
}

func TestABindingHasNeitherModelNorDeployment(t *testing.T) {
	t.Parallel()
	o := diag.Object{Kind: "TargetGroupBinding", Name: "web"}
	for code, want := range map[diag.Code]string{
		diag.AccessDenied: "FailedReconcile", diag.TargetGroupNotFound: "FailedReconcile",
		diag.InvalidBinding: "FailedReconcile",
		diag.ServiceMissing: "BackendNotFound", diag.EndpointNotResolved: "FailedNetworkReconcile",
		diag.ObjectsUnread: "FailedReconcile",
	} {
		if e := EventOf(diag.New(o, "spec", code, "x", "y")); e.Reason != want || e.Type != "Warning" {
			t.Errorf("%s: %s %s, want %s", code, e.Type, e.Reason, want)
		}
	}
}

// TestMissingGuardIsAWarningEvent has a finding of each code: those which say that nothing guards are no Normal events.
func TestMissingGuardIsAWarningEvent(t *testing.T) {
	t.Parallel()
	for _, code := range diag.Codes() {
		d := diag.New(diag.Object{Kind: "Ingress", Name: "web"}, "spec", code, "x", "y")
		guards := code == diag.GuardNotApplied || code == diag.EndedSupport
		if e := EventOf(d); (guards || d.Class != diag.Note) && e.Type != "Warning" || !guards &&
			e.Reason == string(diag.NoteReason) && e.Type != "Normal" {
			t.Errorf("%s: a %s event %s", code, e.Type, e.Reason)
		}
	}
}

func TestAnObjectIsForgottenByNameWhenItsIdentityIsGoneWithIt(t *testing.T) {
	t.Parallel()
	r := NewReporter(func(diag.Object, Event) {}, time.Now)
	web, api := diag.Object{Kind: "Ingress", Name: "web", UID: "1"}, diag.Object{Kind: "Ingress", Name: "api", UID: "2"}
	r.Report("u", Report{Objects: []diag.Object{web, api}, Changed: true})
	r.Forget("u", diag.Object{Kind: "Ingress", Name: "web"})
	if _, ok := r.reported["u"][api]; !ok || len(r.reported["u"]) != 1 {
		t.Errorf("still known: %v", r.reported)
	}
	if r.Forget("u", api); len(r.reported) > 0 {
		t.Errorf("still known: %v", r.reported)
	}
}

// TestRecoveryAndRelapseOfReferencedObjectAreRecorded tells of the Service behind an Ingress.
func TestRecoveryAndRelapseOfReferencedObjectAreRecorded(t *testing.T) {
	t.Parallel()
	var events []string
	r := NewReporter(func(o diag.Object, e Event) { events = append(events, o.Name+" "+e.Type+" "+e.Reason) }, time.Now)
	web, svc := diag.Object{Kind: "Ingress", Name: "web"}, diag.Object{Kind: "Service", Name: "svc"}
	wrong := diag.List{diag.New(svc, "metadata.annotations[x]", diag.InvalidAnnotation, "nonsense", "write sense")}
	for _, step := range []struct {
		name string
		pass Report
		want []string
	}{
		{"found", Report{Objects: []diag.Object{web}, Found: wrong}, []string{"web Normal SuccessfullyReconciled",
			"svc Warning FailedBuildModel"}},
		{"a pass that ends early", Report{Found: diag.List{diag.New(web, "", diag.AWSUnavailable, "x", "y")}, Partial: true},
			[]string{"web Warning FailedDeployModel"}},
		{"still so", Report{Objects: []diag.Object{web}, Found: wrong}, []string{"web Normal SuccessfullyReconciled"}},
		{"corrected", Report{Objects: []diag.Object{web}}, []string{"svc Normal SuccessfullyReconciled"}},
		{"nothing new", Report{Objects: []diag.Object{web}}, nil},
		{"wrong again", Report{Objects: []diag.Object{web}, Found: wrong}, []string{"svc Warning FailedBuildModel"}},
	} {
		events = nil
		r.Report("group", step.pass)
		if diff := cmp.Diff(step.want, events); diff != "" {
			t.Errorf("%s: %s", step.name, diff)
		}
	}
	if r.End("group"); len(r.reported) > 0 {
		t.Errorf("the end leaves %v", r.reported)
	}
}

func TestNoSuccessIsRecordedOnAnObjectThatWaits(t *testing.T) {
	t.Parallel()
	var events []string
	r := NewReporter(func(o diag.Object, e Event) { events = append(events, o.Name+" "+e.Reason) }, time.Now)
	web := []diag.Object{{Kind: "Ingress", Name: "web"}}
	r.Report("group", Report{Waiting: web, Changed: true})
	r.Report("group", Report{Objects: web, Partial: true, Changed: true})
	if len(events) > 0 {
		t.Errorf("events %v", events)
	}
	if r.Report("group", Report{Objects: web}); len(events) != 1 {
		t.Errorf("events %v", events)
	}
}

func TestFlappingFindingIsRecordedOnce(t *testing.T) {
	t.Parallel()
	var events []string
	now := time.Unix(0, 0)
	r := NewReporter(func(_ diag.Object, e Event) { events = append(events, e.Reason) }, func() time.Time { return now })
	web := diag.Object{Kind: "Ingress", Name: "web"}
	all := []diag.Object{web}
	found := func(text, id string) diag.List {
		d := diag.New(web, "", diag.AWSRejected, text+id, "correct it")
		d.RequestID = id
		return diag.List{d}
	}
	a, b := found("name taken, request ", "1"), found("no such subnet", "")
	for n, step := range []struct {
		pass Report
		told int
	}{
		{Report{Objects: all, Found: a}, 1},
		{Report{Objects: all, Found: found("name taken, request ", "2"), Unedited: true}, 0},
		{Report{Waiting: all, Unedited: true}, 0},
		{Report{Waiting: all, Found: a, Unedited: true}, 0},
		{Report{Waiting: all, Found: b, Unedited: true}, 1},
		{Report{Waiting: all, Found: a, Unedited: true}, 0},
		{Report{Waiting: all, Found: append(b, b...)}, 0}, // an edit that does not help
		{Report{Waiting: all, Found: a}, 1},               // and one that brings the first mistake back
		{Report{Objects: all, Unedited: true}, 1},
		{Report{Waiting: all, Found: append(a, a...), Unedited: true}, 1},
	} {
		events = nil
		if r.Report("u", step.pass); len(events) != step.told {
			t.Errorf("step %d: events %v, want %d", n, events, step.told)
		}
		now = now.Add(time.Second)
	}
	now = now.Add(repeatAfter)
	events = nil
	if r.Report("u", Report{Waiting: all, Found: a, Unedited: true}); len(events) != 1 {
		t.Errorf("what lasts is told again, in case that events were forgotten: %v", events)
	}
}
