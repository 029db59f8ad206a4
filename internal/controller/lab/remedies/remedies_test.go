package remedies

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// trouble is a world in which a running controller has a finding, and what the remedy of the finding asks for.
type trouble struct {
	on    string // the object that has the finding
	says  string // the part of the remedy that follow does
	begin func(t *testing.T) *lab.Lab
	cause func(l *lab.Lab) // after begin has settled; nil = begin has made the cause
	keys  []stack.Key      // of the stacks to reconcile
	// follow does what the remedy says.
	follow func(l *lab.Lab)
}

// TestRunningRemedies follows a remedy for each code. An event of a finding that lasts is repeated after 20 minutes.
func TestRunningRemedies(t *testing.T) {
	t.Parallel()
	for code, x := range troubles() {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			l := x.begin(t)
			if x.cause != nil {
				l.Settle(x.keys...)
				x.cause(l)
			}
			x.pass(l)
			if !l.Saw(x.on, "["+string(code)+"]", x.says) {
				t.Fatalf("no such event:\n%s", strings.Join(l.Events, "\n"))
			}
			x.follow(l)
			x.pass(l)
			l.Events = nil
			l.Clock.Advance(25 * time.Minute)
			x.pass(l)
			if slices.ContainsFunc(l.Events, func(e string) bool { return strings.Contains(e, "["+string(code)+"]") }) {
				t.Errorf("the remedy leaves the finding:\n%s", strings.Join(l.Events, "\n"))
			}
		})
	}
}

// pass reconciles for some minutes, whether passes fail or not.
func (x trouble) pass(l *lab.Lab) {
	for range 8 {
		wait, _ := l.Round(x.keys...)
		l.Clock.Advance(min(max(wait, time.Second), time.Minute))
	}
}

// begin makes a lab with objects.
func begin(objects ...client.Object) func(t *testing.T) *lab.Lab {
	return func(t *testing.T) *lab.Lab {
		t.Helper()
		return lab.New(t, account.Profile{}, copies(objects)...)
	}
}

// copies are objects of their own for each lab.
func copies(objects []client.Object) (out []client.Object) {
	for _, o := range objects {
		if c, ok := o.DeepCopyObject().(client.Object); ok {
			out = append(out, c)
		}
	}
	return out
}

// refused makes a lab with Ingress web, in which AWS refuses an action.
func refused(f gate.Fault, annotations map[string]string) func(t *testing.T) *lab.Lab {
	return func(t *testing.T) *lab.Lab {
		t.Helper()
		l := begin(lab.Class(), lab.Service("web"), lab.Ingress("web", annotations, "web"))(t)
		l.Fault(f)
		return l
	}
}

// accepted has AWS accept everything again.
func accepted(l *lab.Lab) { l.Sim.Gate.ClearFaults() }

// edited changes an object of namespace shop.
func edited[T client.Object](l *lab.Lab, o T, name string, change func(T)) {
	l.Helper()
	if !l.Get(o, name) {
		l.Fatalf("no %T %s", o, name)
	}
	o.SetGeneration(o.GetGeneration() + 1)
	change(o)
	l.Must(l.Client.Update(l.Context(), o))
}
