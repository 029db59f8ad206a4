package awsclient

import "context"

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
