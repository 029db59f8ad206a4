package awsclient

import (
	"cmp"
	"context"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Subject is the subject of a write to AWS, for the record of what was done.
type Subject struct {
	Unit      string // the key of the stack or binding
	Namespace string // of the objects that it is about; empty = of several, or it is not known
	Text      string // the resource, or the targets
}

type subjectKey struct{}

// WithSubject marks the calls made under the returned context.
func WithSubject(ctx context.Context, s Subject) context.Context {
	return context.WithValue(ctx, subjectKey{}, s)
}

// SubjectOf returns what the calls under a context are about; ok is false if nothing says so.
func SubjectOf(ctx context.Context) (s Subject, ok bool) {
	s, ok = ctx.Value(subjectKey{}).(Subject)
	return s, ok
}

// mostNamed is how many targets the text of a subject names.
const mostNamed = 10

// SubjectOfStep returns the subject of the calls of a step: its targets, its resource, or what the operation names.
func SubjectOfStep(of stack.Key, s plan.Step) Subject {
	out := Subject{Unit: of.String(), Namespace: of.ID.Namespace}
	switch op := s.Op.(type) {
	case awsop.RegisterTargets:
		out.Text = addresses(op.Targets)
	case awsop.DeregisterTargets:
		out.Text = addresses(op.Targets)
	default:
		r := s.Resource
		if refs := s.Op.About().Refs; r == (stack.Ref{}) && len(refs) > 0 {
			r = refs[0]
		}
		out.Text = strings.TrimSpace(string(r.Kind) + " " + cmp.Or(r.ID, r.Literal))
	}
	return out
}

func addresses(all []awsop.Target) string {
	names := make([]string, 0, len(all))
	for _, t := range all {
		names = append(names, t.Address())
	}
	return diag.First(names, mostNamed, ", ")
}

// Cause is the loop that makes a call, by its name in metrics and traces. For a pass, it is the name of the
// controller.
type Cause string

// Causes other than reconciles.
const (
	Listing         Cause = "account listing"
	DriftSweep      Cause = "drift sweep"
	Provisioning    Cause = "load balancers in the making"
	CertificateSet  Cause = "certificate watch"
	CertificateEnds Cause = "certificate expiry"
	TargetHealth    Cause = "health of new targets"
	ReadinessGates  Cause = "readiness gates"
	Draining        Cause = "draining targets"
	TargetRules     Cause = "target rules"
	SharedGroup     Cause = "backend group"
	otherCause      Cause = "other"
)

// Causes returns the causes other than reconciles, including that of calls under a context without a cause.
func Causes() []Cause {
	return []Cause{Listing, DriftSweep, Provisioning, CertificateSet, CertificateEnds, TargetHealth, ReadinessGates,
		Draining, TargetRules, SharedGroup, otherCause}
}

type causeKey struct{}

// WithCause marks the calls made under the returned context.
func WithCause(ctx context.Context, c Cause) context.Context {
	return context.WithValue(ctx, causeKey{}, c)
}

// CauseOf returns the cause of calls under a context.
func CauseOf(ctx context.Context) Cause {
	if c, ok := ctx.Value(causeKey{}).(Cause); ok {
		return c
	}
	return otherCause
}
