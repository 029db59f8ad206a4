package refusal

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

var (
	shop    = stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
	other   = stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "other"}}
	invalid = error(&smithy.GenericAPIError{Code: "ValidationError", Message: "no such value"})
)

// world is a memory with a clock that tests move.
type world struct {
	*Memory
	at   time.Time
	kept map[stack.Key][]Kept
}

func newWorld(version string) *world {
	w := &world{at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), kept: map[stack.Key][]Kept{}}
	w.start(version)
	return w
}

// start begins a process with what the one before kept.
func (w *world) start(version string) {
	w.Memory = New(func() time.Time { return w.at }, version)
	for key, all := range w.kept {
		text, err := json.Marshal(all)
		if err != nil {
			panic(err)
		}
		var restored []Kept
		if err := json.Unmarshal(text, &restored); err != nil {
			panic(err)
		}
		w.Restore(key, restored)
	}
	w.Keep = func(key stack.Key, all []Kept) { w.kept[key] = all }
}

// sends reports whether a write of objects in a version may be sent.
func (w *world) sends(write, objects string) bool {
	_, err := w.Before(shop, write, func(error) string { return objects })
	return err == nil
}

func content(objects string) Refusal {
	return Refusal{Step: "ModifyRule a", Action: "ModifyRule", Cause: Content, Err: invalid, Objects: objects,
		Resources: []string{"arn:rule"}}
}

func TestRefusedContentIsSentAfterGrowingPauses(t *testing.T) {
	t.Parallel()
	w := newWorld("1")
	begun := w.at
	var got []time.Duration
	for range 6 * 60 {
		if w.sends("a", "1") {
			got = append(got, w.at.Sub(begun))
			w.Refused(shop, "a", content("1"))
		}
		w.at = w.at.Add(time.Minute)
	}
	want := []time.Duration{0, 2, 10, 40, 100, 160, 220, 280, 340}
	for i := range want {
		want[i] *= time.Minute
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("sent at %v, want %v", got, want)
	}
}

func TestObstacleIsLookedAtEveryFiveMinutes(t *testing.T) {
	t.Parallel()
	w := newWorld("1")
	room := 3
	x := Refusal{Step: "CreateLoadBalancer", Cause: Obstacle, Err: &smithy.GenericAPIError{Code: "TooManyLoadBalancers"},
		Room: &room}
	for n, want := range []time.Duration{2 * time.Minute, lookEvery, lookEvery, lookEvery} {
		w.at = w.at.Add(time.Hour)
		if _, until := w.Refused(shop, "a", x); until.Sub(w.at) != want {
			t.Errorf("after %d refusals, the plan is looked at after %s", n+1, until.Sub(w.at))
		}
		w.start("1")
		until, err := w.Before(shop, "a", nil)
		if code, room := w.Room(shop, "a"); err == nil || until.Sub(w.at) != want || code != "TooManyLoadBalancers" ||
			room == nil || *room != 3 {
			t.Errorf("after %d refusals and a start: %v until %s, %s", n+1, err, until.Sub(w.at), code)
		}
	}
}

func TestDeniedWriteIsSentEveryFiveMinutes(t *testing.T) {
	t.Parallel()
	w := newWorld("1")
	for range 5 {
		w.at = w.at.Add(time.Hour)
		w.Refused(shop, "a", Refusal{Cause: Obstacle, Err: &smithy.GenericAPIError{Code: "AccessDenied"}})
	}
	if w.at = w.at.Add(lookEvery); !w.sends("a", "") {
		t.Error("it is not sent after five minutes")
	}
}

func TestAnAttemptBeforeTheEndOfAPauseDoesNotLengthenTheNext(t *testing.T) {
	t.Parallel()
	full := Refusal{Cause: Obstacle, Err: &smithy.GenericAPIError{Code: "TooManyTargetGroups"}}
	for name, early := range map[string]func(w *world){
		"another stack got through": func(w *world) { w.RetryObstacles(shop) },
		"a look found room":         func(*world) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld("1")
			w.Refused(shop, "a", full)
			for range 5 {
				w.at = w.at.Add(time.Second)
				early(w)
				w.Refused(shop, "a", full)
				w.start("1")
			}
			if w.at = w.at.Add(pauses[0]); !w.sends("a", "") {
				t.Error("it is not sent after two minutes")
			}
			w.Refused(shop, "a", full)
			if w.at = w.at.Add(pauses[1] - time.Second); w.sends("a", "") {
				t.Error("the pause does not grow")
			}
		})
	}
}

func TestRoomUnderAQuotaIsSeenInItsStack(t *testing.T) {
	t.Parallel()
	for key, sends := range map[stack.Key]bool{shop: true, other: false} {
		w := newWorld("1")
		w.Refused(shop, "a", Refusal{Step: "CreateRule", Cause: Obstacle, Err: &smithy.GenericAPIError{Code: "TooManyRules"}})
		w.Wrote(key, "DeleteRule", plan.Effect{Kind: stack.KindRule, Verb: plan.Deletes}, "arn:rule")
		if got := w.sends("a", ""); got != sends {
			t.Errorf("after a deletion of %s: it is sent: %t", key, got)
		}
	}
}

func TestOnlyTheRefusedWriteWaits(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then  func(w *world)
		write string
		in    string // the version of the objects
		sends bool
	}{
		"the same write":            {write: "a", in: "1"},
		"another write":             {write: "b", in: "1", sends: true},
		"an edit of its object":     {write: "a", in: "2", sends: true},
		"an edit of another object": {then: func(w *world) { w.RetryObstacles(shop) }, write: "a", in: "1"},
		"a change in AWS":           {then: func(w *world) { w.RetryRefused(shop) }, write: "a", in: "1", sends: true},
		"a change of another stack": {then: func(w *world) { w.RetryRefused(other) }, write: "a", in: "1"},
		"its step is done": {then: func(w *world) { w.ForgetStep(shop, "ModifyRule a") }, write: "a", in: "1",
			sends: true},
		"another step is done":       {then: func(w *world) { w.ForgetStep(shop, "ModifyListener") }, write: "a", in: "1"},
		"the same code starts again": {then: func(w *world) { w.start("1") }, write: "a", in: "1"},
		"another version starts":     {then: func(w *world) { w.start("2") }, write: "a", in: "1", sends: true},
		"an edit while nothing runs": {then: func(w *world) { w.start("1") }, write: "a", in: "2", sends: true},
		"the clock is set back by a day": {then: func(w *world) { w.at = w.at.Add(-24 * time.Hour) }, write: "a", in: "1",
			sends: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld("1")
			w.Refused(shop, "a", content("1"))
			if c.then != nil {
				c.then(w)
			}
			if sends := w.sends(c.write, c.in); sends != c.sends {
				t.Errorf("it is sent: %t, want %t", sends, c.sends)
			}
		})
	}
}

func TestAnObstacleEndsByAnEditOrItsRemoval(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then  func(w *world)
		sends bool
	}{
		"nothing": {then: func(*world) {}},
		"an edit": {then: func(w *world) { w.RetryObstacles(shop) }, sends: true},
		"the name is freed": {then: func(w *world) { w.Wrote(other, "DeleteTargetGroup", deletion, "targetgroup/web/1") },
			sends: true},
		"the name is freed after a restart": {
			then: func(w *world) {
				w.start("1")
				w.Wrote(other, "DeleteTargetGroup", deletion, "targetgroup/web/1")
			}, sends: true,
		},
		"another name is freed": {then: func(w *world) {
			w.Wrote(other, "DeleteTargetGroup", deletion, "targetgroup/api/1")
		}},
		"two minutes pass": {then: func(w *world) { w.at = w.at.Add(2 * time.Minute) }, sends: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld("1")
			effect := plan.Effect{Kind: stack.KindTargetGroup, Verb: plan.Creates, Name: "web"}
			w.Refused(shop, "a", Refusal{Step: "CreateTargetGroup", Cause: Obstacle, Err: invalid, Effect: effect})
			c.then(w)
			if sends := w.sends("a", ""); sends != c.sends {
				t.Errorf("it is sent: %t, want %t", sends, c.sends)
			}
		})
	}
}

var deletion = plan.Effect{Kind: stack.KindTargetGroup, Verb: plan.Deletes}

func TestAChangeOfWhatAWriteNamesBringsItForward(t *testing.T) {
	t.Parallel()
	w := newWorld("1")
	for range 4 {
		w.at = w.at.Add(time.Hour)
		w.Refused(shop, "a", content("1"))
	}
	changed := plan.Effect{Kind: stack.KindRule, Verb: plan.Changes}
	if freed := w.Wrote(shop, "SetRulePriorities", changed, "arn:another"); len(freed) > 0 {
		t.Errorf("freed by another resource: %v", freed)
	}
	if freed := w.Wrote(shop, "ModifyRule", changed, "arn:rule"); len(freed) > 0 {
		t.Errorf("freed by the same action: %v", freed)
	}
	if freed := w.Wrote(shop, "SetRulePriorities", changed, "arn:rule"); len(freed) != 1 || w.sends("a", "1") {
		t.Errorf("freed %v; it must wait for two minutes still", freed)
	}
	if w.at = w.at.Add(2 * time.Minute); !w.sends("a", "1") {
		t.Error("it is not sent after two minutes")
	}
}

func TestTheNextProcessTellsTheSameProblem(t *testing.T) {
	t.Parallel()
	w := newWorld("1")
	w.Refused(shop, "a", content("1"))
	w.start("1")
	_, err := w.Before(shop, "a", func(error) string { return "1" })
	if got, want := awsclient.Problem("ModifyRule", err), awsclient.Problem("ModifyRule", invalid); got != want ||
		got.Class != diag.Invalid {
		t.Errorf("it tells %+v, want %+v", got, want)
	}
}

func TestSecretsAreNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld("1")
	r := content("1")
	r.Secret = true
	if w.Refused(shop, "a", r); len(w.kept[shop]) != 0 || w.sends("a", "1") {
		t.Errorf("kept: %+v", w.kept[shop])
	}
}

func TestRefusalsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld("1")
	for n := range most + 5 {
		w.at = w.at.Add(time.Millisecond)
		w.Refused(shop, fmt.Sprint(n), content("1"))
	}
	if n := len(w.of[shop]); n != most || w.of[shop]["4"] != nil {
		t.Errorf("%d refusals are kept; the oldest must go first", n)
	}
	w.at = w.at.Add(lifetime + time.Minute)
	w.Refused(other, "a", content("1"))
	if w.Any(shop) || len(w.kept[shop]) != 0 {
		t.Error("what is not tried any more is kept")
	}
}
